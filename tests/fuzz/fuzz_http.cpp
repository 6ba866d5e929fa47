// Fuzzes the HTTP connection: whatever bytes come in whatever pieces, what goes out is HTTP and nothing stays behind.
// LINK: hearth_server
//
// The first byte is the size of the pieces (0: all at once). No network: a pair of sockets, one thread, no clock.
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <cstdlib>
#include <string>
#include <vector>

#include "server/http_connection.h"

namespace hearth {
namespace {

void must(bool holds) {
  if (!holds) std::abort();
}

using Kept = std::vector<std::shared_ptr<HttpReply>>;

void answer(HttpRequest request, std::shared_ptr<HttpReply> reply, Kept& kept) {
  must(!request.method.empty() && request.path.find('\0') == std::string::npos && request.body.size() <= 1024);
  if (request.path == "/throw") throw std::exception();
  if (request.path == "/drop") return;
  if (request.path != "/stream") return reply->send(200, "text/plain", request.path + request.body);
  reply->on_gone([] {});
  reply->begin_stream(200, "text/event-stream",
                      {{"X-Query", request.query.empty() ? "" : request.query.begin()->second}});
  for (int i = 0; i < 3; ++i) reply->write(request.body);
  if (request.method == "PUT") return kept.push_back(std::move(reply));
  if (request.method != "HEAD") reply->end();  // a stream dropped without its end
}

struct Wire {
  explicit Wire(const std::shared_ptr<HttpShared>& shared) {
    must(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    boost::asio::ip::tcp::socket socket(boost::asio::make_strand(io));
    socket.assign(boost::asio::ip::tcp::v4(), ends[1]);
    HttpConnection::start(std::move(socket), "fuzz", shared, HttpConnection::Welcome::serve);
    settle();
  }
  void settle_end() {
    io.restart();
    while (io.poll() > 0) io.restart();
  }
  void settle() {
    char buffer[4096];
    ssize_t got;
    do {
      io.restart();
      while (io.poll() > 0) io.restart();
      while ((got = ::recv(ends[0], buffer, sizeof buffer, MSG_DONTWAIT)) > 0)
        if (output.size() < 64) output.append(buffer, static_cast<size_t>(got));
    } while (io.poll() > 0);
  }

  boost::asio::io_context io{1};
  int ends[2];
  std::string output;
};

}  // namespace
}  // namespace hearth

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  if (size == 0) return 0;
  const size_t piece = data[0] == 0 ? size : data[0];
  const auto shared = std::make_shared<HttpShared>();
  shared->options.header_bytes = 512;
  shared->options.body_bytes = 1024;
  shared->options.queue_bytes = 1024;
  shared->options.cors_origins = {"http://a"};
  shared->options.on_access = [](const AccessRecord& record) { must(record.path.find('?') == std::string::npos); };
  shared->hosts = {"localhost", "[::1]"};
  Kept kept;
  shared->handler = [&kept](HttpRequest request, std::shared_ptr<HttpReply> reply) {
    answer(std::move(request), std::move(reply), kept);
  };
  Wire wire(shared);
  for (size_t at = 1; at < size; at += piece) {
    if (::send(wire.ends[0], data + at, std::min(piece, size - at), MSG_NOSIGNAL | MSG_DONTWAIT) <= 0) break;
    wire.settle();
  }
  must(wire.output.empty() || wire.output.rfind("HTTP/1.1 ", 0) == 0);
  ::close(wire.ends[0]);
  wire.settle_end();
  must(shared->open.empty() && shared->open_connections == 0 && shared->running_replies == 0);
  for (const auto& reply : kept) must(reply->is_gone() && !reply->write("late"));
  return 0;
}
