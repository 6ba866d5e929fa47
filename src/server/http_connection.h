// HttpConnection: one client's socket; reads requests, hands them over, writes replies, keeps to the limits.
//
// All of it runs on the strand of its socket. A read is always pending, also while a reply runs: that is how a client's
// leaving is seen at once. One write at a time; one deadline at a time, which of the limits it is follows from the
// phase.
#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "server/http.h"
#include "server/http_reply.h"
#include "server/http_request.h"

namespace hearth {

class HttpConnection;

// What the connections of one server share.
struct HttpShared {
  HttpOptions options;
  HttpServer::Handler handler;
  std::vector<std::string> hosts;  // that a Host header may name; empty: any
  std::atomic<bool> stopping{false};
  std::atomic<size_t> body_bytes{0};  // of bodies that are coming in
  std::atomic<uint64_t> connections{0}, requests{0}, open_connections{0}, running_replies{0}, bytes_in{0}, bytes_out{0},
      refused_connections{0}, refused_requests{0}, gone_clients{0}, slow_readers{0};

  std::mutex mutex;
  std::unordered_map<HttpConnection*, std::weak_ptr<HttpConnection>> open;  // refused ones too
};

class HttpConnection : public std::enable_shared_from_this<HttpConnection> {
 public:
  enum class Welcome { serve, refuse };  // refuse: a 503, whatever it asks

  static void start(boost::asio::ip::tcp::socket socket, std::string peer, std::shared_ptr<HttpShared> shared,
                    Welcome welcome);
  ~HttpConnection();

  // Any thread: closes what has no reply running, or all.
  enum class Leave { when_idle, now };
  void leave(Leave leave);

 private:
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;
  using Clock = std::chrono::steady_clock;
  // idle: no byte of a request yet. refusing: an error is on its way out, what comes in is dropped; draining: it is
  // out.
  enum class Phase { idle, head, body, replying, refusing, draining, closed };
  enum class Progress { goes_on, needs_more };

  HttpConnection(boost::asio::ip::tcp::socket socket, std::string peer, std::shared_ptr<HttpShared> shared,
                 Welcome welcome);

  // Reading: http_connection.cpp
  void read();
  void on_read(const boost::system::error_code& failure, size_t bytes);
  void on_no_more_input();
  void drop_input();
  void watch_hangup();
  void advance();
  Progress step();
  void begin_request();
  Progress read_head();
  void on_head();
  std::optional<HttpRefusal> judge_head();
  Progress read_body();
  bool hold_body(size_t bytes);  // counts what this one has of its body; false: all together are too many
  std::optional<HttpRefusal> refusal_of(const boost::system::error_code& failure) const;

  // Replying: http_connection_reply.cpp
  void open_channel();
  void handle();
  void refuse(const HttpRefusal& refusal, HttpHeaders headers = {});
  void write_continue();
  void flush();
  bool gather();  // true: what is to be written waits for more
  void write_some();
  void on_wrote(const boost::system::error_code& failure, size_t bytes);
  void finish_reply();
  void record(bool gone);

  // Ending
  void set_deadline(std::chrono::milliseconds from_now);
  void clear_deadline();
  void wait_deadline();
  void on_deadline();
  void drain();
  void cut();  // with a reset: the client must not take what it has for the whole
  void close();

  const std::shared_ptr<HttpShared> shared_;
  const Welcome welcome_;
  const std::string peer_;
  boost::asio::ip::tcp::socket socket_;
  const boost::asio::any_io_executor executor_;
  Phase phase_ = Phase::idle;

  boost::beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
  HttpRequest request_;  // of the head; the body follows
  AccessRecord record_;
  Clock::time_point started_;  // when the request's first byte was read
  HttpHeaders cors_;
  size_t head_bytes_ = 0, dropped_bytes_ = 0, held_bytes_ = 0;
  bool keep_alive_ = true, reading_ = false, saw_end_ = false;

  std::shared_ptr<ReplyChannel> channel_;  // of the reply that runs
  ReplyPiece piece_;                       // being written
  std::string continue_;                   // "100 Continue", being written
  size_t piece_written_ = 0;
  bool writing_ = false;

  boost::asio::steady_timer deadline_timer_, hangup_timer_, gather_timer_;
  Clock::time_point deadline_ = Clock::time_point::max();
  Clock::time_point wrote_at_;  // when the reply last began to write a piece
  bool deadline_waits_ = false, hangup_waits_ = false, gather_waits_ = false;
};

}  // namespace hearth
