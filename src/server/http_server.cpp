// Listens, lets connections in or not, stops.
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <thread>

#include "base/check.h"
#include "server/http_connection.h"

namespace hearth {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

constexpr int kMaxIoThreads = 64;
constexpr int kBacklog = 1024;
constexpr uint64_t kMaxRefusing = 256;  // connections being told that there is no room; beyond: closed unread
constexpr std::chrono::milliseconds kAcceptPause{50};  // when the process is out of files
constexpr std::chrono::milliseconds kStopPoll{10};

template <int kLevel, int kName>
using IntOption = asio::detail::socket_option::integer<kLevel, kName>;

// A peer that vanished without a word (power, cable) is noticed by the kernel: probes when idle, a bound on
// unacknowledged bytes when writing.
void watch_peer(tcp::socket& socket, const HttpOptions& options) {
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
#ifdef TCP_KEEPIDLE
  socket.set_option(IntOption<IPPROTO_TCP, TCP_KEEPIDLE>(30), ignored);
  socket.set_option(IntOption<IPPROTO_TCP, TCP_KEEPINTVL>(10), ignored);
  socket.set_option(IntOption<IPPROTO_TCP, TCP_KEEPCNT>(3), ignored);
#endif
#ifdef TCP_USER_TIMEOUT
  socket.set_option(IntOption<IPPROTO_TCP, TCP_USER_TIMEOUT>(static_cast<int>(options.stall_time.count())), ignored);
#endif
  if (options.send_buffer_bytes > 0)
    socket.set_option(asio::socket_base::send_buffer_size(options.send_buffer_bytes), ignored);
}

std::string text_of(const tcp::endpoint& endpoint) {
  error_code failure;
  const std::string address = endpoint.address().to_string(failure);
  return fmt::format(fmt::runtime(endpoint.address().is_v6() ? "[{}]:{}" : "{}:{}"), address, endpoint.port());
}

Result<tcp::endpoint> endpoint_of(const HttpOptions& options) {
  if (options.port < 0 || options.port > 65535) return error("server: got port {}, want 0 to 65535", options.port);
  if (options.io_threads < 1 || options.io_threads > kMaxIoThreads)
    return error("server: got {} IO threads, want 1 to {}", options.io_threads, kMaxIoThreads);
  error_code failure;
  const auto address = asio::ip::make_address(options.host == "localhost" ? "127.0.0.1" : options.host, failure);
  if (failure)
    return error("server: got host '{}', want an IP address such as 127.0.0.1 (this machine) or 0.0.0.0 (all networks)",
                 options.host);
  return tcp::endpoint(address, static_cast<unsigned short>(options.port));
}

std::vector<std::string> hosts_of(const HttpOptions& options, const asio::ip::address& bound) {
  if (options.host_check == HostCheck::off || !bound.is_loopback()) return {};
  std::vector<std::string> hosts = {"localhost", "127.0.0.1", "[::1]"};
  if (bound.is_v4()) hosts.push_back(bound.to_string());
  hosts.insert(hosts.end(), options.allowed_hosts.begin(), options.allowed_hosts.end());
  return hosts;
}

}  // namespace

// Handlers hold the plain `this`: they live in `io`, which is the last to go.
struct HttpServer::Impl {
  explicit Impl(int threads)
      : io(threads), strand(asio::make_strand(io)), acceptor(strand), pause(strand), grace_timer(strand) {}
  ~Impl() { CHECK(!running, "server: destroyed while it runs"); }

  Result<Done> listen(const tcp::endpoint& endpoint);
  void accept();
  void on_accept(const error_code& failure, tcp::socket socket);
  void stop(Clock::time_point end);
  void wait_for_end();
  void tell_all(HttpConnection::Leave leave);
  void work();

  asio::io_context io;
  asio::strand<asio::io_context::executor_type> strand;  // of what follows
  tcp::acceptor acceptor;
  asio::steady_timer pause, grace_timer;
  std::shared_ptr<HttpShared> shared = std::make_shared<HttpShared>();
  Clock::time_point grace_end = Clock::time_point::max();
  int port = 0;
  std::atomic<bool> running{false};
};

Result<Done> HttpServer::Impl::listen(const tcp::endpoint& endpoint) {
  const HttpOptions& options = shared->options;
  const auto refused = [&](const error_code& failure, const char* want) {
    return error("server: {}:{}: got '{}', want {}", options.host, options.port, failure.message(), want);
  };
  error_code failure;
  acceptor.open(endpoint.protocol(), failure);
  if (failure) return refused(failure, "a network that this machine has");
  acceptor.set_option(asio::socket_base::reuse_address(true), failure);
  if (endpoint.address().is_v6()) acceptor.set_option(asio::ip::v6_only(false), failure);
  acceptor.bind(endpoint, failure);
  if (failure) return refused(failure, "an address of this machine and a free port (--port 0 takes any)");
  acceptor.listen(kBacklog, failure);
  if (failure) return refused(failure, "a free port (--port 0 takes any)");
  const tcp::endpoint bound = acceptor.local_endpoint(failure);
  if (failure) return refused(failure, "a bound port");
  port = bound.port();
  shared->hosts = hosts_of(options, bound.address());
  return Done{};
}

void HttpServer::Impl::accept() {
  acceptor.async_accept(asio::make_strand(io), [this](const error_code& failure, tcp::socket socket) {
    on_accept(failure, std::move(socket));
  });
}

void HttpServer::Impl::on_accept(const error_code& failure, tcp::socket socket) {
  if (shared->stopping || !acceptor.is_open()) return;
  if (failure == asio::error::no_descriptors || failure == asio::error::no_buffer_space ||
      failure == boost::system::errc::too_many_files_open_in_system) {
    pause.expires_after(kAcceptPause);
    return pause.async_wait([this](const error_code& cancelled) {
      if (!cancelled && !shared->stopping) accept();
    });
  }
  if (!failure) {
    error_code gone;
    const tcp::endpoint peer = socket.remote_endpoint(gone);
    const bool full = shared->open_connections >= static_cast<uint64_t>(std::max(shared->options.max_connections, 0));
    size_t open = 0;
    if (full) {
      const std::lock_guard lock(shared->mutex);
      open = shared->open.size();
    }
    watch_peer(socket, shared->options);
    const bool crowded = full && open >= shared->open_connections + kMaxRefusing;
    if (!gone && !crowded) {
      HttpConnection::start(std::move(socket), text_of(peer), shared,
                            full ? HttpConnection::Welcome::refuse : HttpConnection::Welcome::serve);
    } else if (!gone) {
      ++shared->refused_connections;
    }
  }
  accept();
}

void HttpServer::Impl::tell_all(HttpConnection::Leave leave) {
  std::vector<std::shared_ptr<HttpConnection>> open;  // let go after the lock: the last one to hold it destroys it
  const std::lock_guard lock(shared->mutex);
  for (const auto& [connection, weak] : shared->open)
    if (auto alive = weak.lock()) open.push_back(std::move(alive));
  for (const auto& connection : open) connection->leave(leave);
}

void HttpServer::Impl::stop(Clock::time_point end) {
  grace_end = std::min(grace_end, end);
  if (shared->stopping.exchange(true)) return;
  error_code ignored;
  acceptor.close(ignored);
  pause.cancel();
  tell_all(HttpConnection::Leave::when_idle);
  wait_for_end();
}

// run() returns when nothing is left to do, so this only has to watch the clock while connections are open.
void HttpServer::Impl::wait_for_end() {
  {
    const std::lock_guard lock(shared->mutex);
    if (shared->open.empty()) return;
  }
  if (Clock::now() >= grace_end) return tell_all(HttpConnection::Leave::now);
  grace_timer.expires_at(std::min(grace_end, Clock::now() + kStopPoll));
  grace_timer.async_wait([this](const error_code&) { wait_for_end(); });
}

// A library's exception in one handler (out of memory, say) loses that handler's connection and nothing else.
void HttpServer::Impl::work() {
  while (true) {
    try {
      io.run();
      return;
    } catch (...) {
    }
  }
}

Result<HttpServer> HttpServer::open(const HttpOptions& options, Handler handler) {
  TRY(const tcp::endpoint endpoint, endpoint_of(options));
  HttpServer server;
  try {
    server.impl_ = std::make_shared<Impl>(options.io_threads);
    server.impl_->shared->options = options;
    server.impl_->shared->handler = std::move(handler);
    TRY_DONE(server.impl_->listen(endpoint));
    server.impl_->accept();
  } catch (const std::exception& failure) {
    return error("server: {}:{}: got '{}', want a socket to listen on", options.host, options.port, failure.what());
  }
  return server;
}

int HttpServer::port() const { return impl_->port; }

void HttpServer::run() {
  const auto impl = impl_;
  CHECK(!impl->running.exchange(true), "server: run() called twice");
  std::vector<std::thread> helpers;
  for (int i = 1; i < impl->shared->options.io_threads; ++i) helpers.emplace_back([impl] { impl->work(); });
  impl->work();
  for (std::thread& helper : helpers) helper.join();
  impl->running = false;
}

void HttpServer::stop(std::chrono::milliseconds grace) {
  const auto end = Clock::now() + std::clamp<std::chrono::milliseconds>(grace, {}, std::chrono::hours(24));
  asio::post(impl_->strand, [impl = impl_.get(), end] { impl->stop(end); });
}

HttpStats HttpServer::stats() const {
  const HttpShared& shared = *impl_->shared;
  HttpStats stats;
  stats.connections = shared.connections;
  stats.requests = shared.requests;
  stats.open_connections = shared.open_connections;
  stats.running_replies = shared.running_replies;
  stats.bytes_in = shared.bytes_in;
  stats.bytes_out = shared.bytes_out;
  stats.refused_connections = shared.refused_connections;
  stats.refused_requests = shared.refused_requests;
  stats.gone_clients = shared.gone_clients;
  stats.slow_readers = shared.slow_readers;
  return stats;
}

}  // namespace hearth
