// HttpServer: requests come in, replies go out, whole or as streams; what the paths mean is the handler's business.
//
// Laws: a handler runs on an IO thread and must not block; it keeps the reply and answers when it can, from any thread.
// A connection works on one request at a time, pipelined ones wait their turn. The end of what a client sends, while
// its reply still runs, means that it has gone: nothing else tells at once that nobody waits for an answer any more.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace hearth {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  std::string method;                        // as sent: "GET", "POST", ...
  std::string path;                          // percent-decoded, without the query
  std::map<std::string, std::string> query;  // decoded; of a repeated name the last
  HttpHeaders headers;                       // in order, as sent
  std::string body;                          // whole, chunks joined
  std::string peer;                          // "127.0.0.1:40312"

  // The first header of that name in whatever case, or nullptr.
  const std::string* header(std::string_view name) const;
};

// The answer to one request. Any thread, any time, also after the client or the server has gone: then nothing happens.
// Either one send(), or begin_stream(), write()s and end(); what comes after that does nothing. A reply dropped
// unanswered is a 500, a stream dropped without an end cuts the connection, so that no client takes half an answer for
// a whole one.
class HttpReply {
 public:
  virtual ~HttpReply() = default;

  // Content-Length, Date, Connection and the CORS headers are ours to add; line breaks in values become spaces.
  virtual void send(int status, std::string content_type, std::string body, HttpHeaders headers = {}) = 0;

  virtual void begin_stream(int status, std::string content_type, HttpHeaders headers = {}) = 0;
  virtual bool write(std::string_view chunk) = 0;  // queued; false: nobody reads this any more
  virtual void end() = 0;

  // The client left, was too slow, or the server closed, before the reply's end.
  virtual bool is_gone() const = 0;
  // Called once, from an IO thread, when that happens; at once, before on_gone() returns, when it already has; never
  // when the reply ends well. One call; must not block; must not hold the reply itself (a cycle).
  virtual void on_gone(std::function<void()> call) = 0;

  // Bytes that the kernel has not taken yet. A write() that finds more than HttpOptions::queue_bytes cuts the
  // connection.
  virtual size_t queued_bytes() const = 0;
};

enum class HostCheck { on_loopback, off };  // on_loopback: only where the address bound is one

// One request's line in the access log: never a query, a header or a body.
struct AccessRecord {
  std::chrono::system_clock::time_point time;  // when its first byte was read
  std::string peer, method, path;  // path as sent (still percent-encoded, so no line breaks); "" if it did not parse
  int status = 0;                  // 0: the client left before there was one
  uint64_t bytes = 0;              // that went out, with head and framing
  std::chrono::nanoseconds duration{0};
  bool gone = false;  // the client did not stay, or was not let stay, for the end
};

struct HttpOptions {
  std::string host = "127.0.0.1";  // an IP address, or "localhost"
  int port = 7411;                 // 0: any that is free, see HttpServer::port()
  int io_threads = 1;

  size_t header_bytes = 16 << 10;  // more: 431
  size_t body_bytes = 32 << 20;    // more: 413, and the rest is not read
  size_t all_bodies_bytes = 256 << 20;  // of all bodies that are coming in; more: 503 with Retry-After
  size_t queue_bytes = 1 << 20;    // of a stream; more: a slow reader, cut
  int max_connections = 1024;      // more: 503 with Retry-After
  int send_buffer_bytes = 0;       // the kernel's, a connection; 0: as the system has it

  std::chrono::milliseconds header_time{10'000};  // from a request's first byte, or from the connection's start
  std::chrono::milliseconds body_time{60'000};
  std::chrono::milliseconds idle_time{75'000};   // between requests
  std::chrono::milliseconds stall_time{30'000};  // a write that makes no progress
  // A stream's pieces go out together at the clock's multiples of this, so that fast models do not wake clients for every
  // token; the first piece, the end and slower streams do not wait. 0: each at once.
  std::chrono::milliseconds gather_time{10};

  // Against DNS rebinding: a page of a stranger's site may resolve its own name to 127.0.0.1, but must say it in Host.
  HostCheck host_check = HostCheck::on_loopback;
  std::vector<std::string> allowed_hosts;  // beside localhost, 127.0.0.1 and [::1]; without ports
  std::vector<std::string> cors_origins;   // "https://app.example" or "*"; none: CORS is off

  std::function<void(const AccessRecord&)> on_access;  // from IO threads, must not block
};

struct HttpStats {
  uint64_t connections = 0, requests = 0;              // ever
  uint64_t open_connections = 0, running_replies = 0;  // now
  uint64_t bytes_in = 0, bytes_out = 0;
  uint64_t refused_connections = 0;  // 503: too many
  uint64_t refused_requests = 0;     // malformed, too large, too slow, of a foreign host
  uint64_t gone_clients = 0;         // left before their reply's end, slow readers too
  uint64_t slow_readers = 0;
};

class HttpServer {
 public:
  using Handler = std::function<void(HttpRequest, std::shared_ptr<HttpReply>)>;

  // Binds and listens; clients wait in the backlog until run(). What a handler throws is a 500.
  static Result<HttpServer> open(const HttpOptions& options, Handler handler);

  int port() const;
  void run();  // serves until stop() and its grace; returns when the last connection is closed
  // Any thread (no signal handler), returns at once: no new connections, idle ones close, running replies may end until
  // `grace` has passed and are cut then. A second stop() can only shorten the grace.
  void stop(std::chrono::milliseconds grace);
  HttpStats stats() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;  // after run() has returned (or was never called) it may go
};

}  // namespace hearth
