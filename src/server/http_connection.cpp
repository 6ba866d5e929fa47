// Reads requests from a client's socket, within the limits; what a request may not be is decided here.
#include "server/http_connection.h"

#include <poll.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/beast/http/error.hpp>

namespace hearth {
namespace {

namespace http = boost::beast::http;
using boost::system::error_code;

constexpr size_t kReadBytes = 16 << 10;  // a read of a head
constexpr size_t kBodyReadBytes = 64 << 10;
constexpr size_t kAheadBytes = 64 << 10;  // what may wait unread behind a reply that runs
constexpr size_t kDropBytes = 16 << 20;   // of input that nobody wants; then the socket is left to fill
constexpr std::chrono::milliseconds kHangupPoll{50};

constexpr std::string_view kLineBreaks = "\r\n";

}  // namespace

HttpConnection::HttpConnection(boost::asio::ip::tcp::socket socket, std::string peer,
                               std::shared_ptr<HttpShared> shared, Welcome welcome)
    : shared_(std::move(shared)),
      welcome_(welcome),
      peer_(std::move(peer)),
      socket_(std::move(socket)),
      executor_(socket_.get_executor()),
      deadline_timer_(executor_),
      hangup_timer_(executor_),
      gather_timer_(executor_) {
  ++shared_->connections;
  ++(welcome_ == Welcome::serve ? shared_->open_connections : shared_->refused_connections);
}

HttpConnection::~HttpConnection() {
  close();
  if (welcome_ == Welcome::serve) --shared_->open_connections;
  const std::lock_guard lock(shared_->mutex);
  shared_->open.erase(this);
}

void HttpConnection::start(boost::asio::ip::tcp::socket socket, std::string peer, std::shared_ptr<HttpShared> shared,
                           Welcome welcome) {
  const std::shared_ptr<HttpConnection> connection(
      new HttpConnection(std::move(socket), std::move(peer), std::move(shared), welcome));
  {
    const std::lock_guard lock(connection->shared_->mutex);
    connection->shared_->open.emplace(connection.get(), connection);
  }
  boost::asio::post(connection->executor_, [connection] {
    if (connection->welcome_ == Welcome::refuse) {
      connection->begin_request();
      connection->refuse({503, "server: all connections are taken, try again later"}, {{"Retry-After", "1"}});
    } else {
      connection->set_deadline(connection->shared_->options.header_time);
    }
    connection->read();
  });
}

void HttpConnection::leave(Leave leave) {
  boost::asio::post(executor_, [self = shared_from_this(), leave] {
    const bool replies = self->phase_ == Phase::replying || self->phase_ == Phase::refusing;
    if (leave == Leave::now && replies) return self->cut();
    if (leave == Leave::now || (!replies && self->phase_ != Phase::draining)) self->close();
  });
}

void HttpConnection::read() {
  if (reading_ || saw_end_ || phase_ == Phase::closed) return;
  const bool drops = phase_ == Phase::refusing || phase_ == Phase::draining;
  if (drops && dropped_bytes_ > kDropBytes) return;
  if (phase_ == Phase::replying && buffer_.size() >= kAheadBytes) return watch_hangup();
  reading_ = true;
  const bool large = phase_ == Phase::body || drops;
  socket_.async_read_some(
      buffer_.prepare(large ? kBodyReadBytes : kReadBytes),
      [self = shared_from_this()](const error_code& failure, size_t bytes) { self->on_read(failure, bytes); });
}

void HttpConnection::on_read(const error_code& failure, size_t bytes) {
  reading_ = false;
  if (phase_ == Phase::closed) return;
  if (failure) {
    saw_end_ = true;
    return on_no_more_input();
  }
  buffer_.commit(bytes);
  shared_->bytes_in += bytes;
  advance();
  read();
}

// The client has closed its side. A reply that is only being written out still goes on: it may well be read.
void HttpConnection::on_no_more_input() {
  if (channel_ && channel_->is_ended()) return;
  phase_ == Phase::replying ? cut() : close();
}

// With no read pending (the client sent far ahead), its leaving has to be asked for.
void HttpConnection::watch_hangup() {
  if (hangup_waits_) return;
  hangup_waits_ = true;
  hangup_timer_.expires_after(kHangupPoll);
  hangup_timer_.async_wait([self = shared_from_this()](const error_code&) {
    self->hangup_waits_ = false;
    if (self->phase_ == Phase::closed) return;
    pollfd asked{self->socket_.native_handle(), POLLRDHUP, 0};
    if (self->phase_ == Phase::replying && ::poll(&asked, 1, 0) > 0) {
      self->saw_end_ = true;
      return self->on_no_more_input();
    }
    self->read();
  });
}

void HttpConnection::drop_input() {
  dropped_bytes_ += buffer_.size();
  buffer_.consume(buffer_.size());
}

void HttpConnection::advance() {
  while (buffer_.size() > 0 && step() == Progress::goes_on) {
  }
}

HttpConnection::Progress HttpConnection::step() {
  switch (phase_) {
    case Phase::idle:
      // An empty line before a request is what some clients leave behind a body (RFC 9112, 2.2).
      while (buffer_.size() > 0 &&
             kLineBreaks.find(*static_cast<const char*>(buffer_.data().data())) != kLineBreaks.npos)
        buffer_.consume(1);
      if (buffer_.size() == 0) return Progress::needs_more;
      begin_request();
      phase_ = Phase::head;
      set_deadline(shared_->options.header_time);
      return Progress::goes_on;
    case Phase::head:
      return read_head();
    case Phase::body:
      return read_body();
    case Phase::refusing:
    case Phase::draining:
      drop_input();
      return Progress::needs_more;
    case Phase::replying:
    case Phase::closed:
      return Progress::needs_more;
  }
  return Progress::needs_more;
}

void HttpConnection::begin_request() {
  parser_.emplace();
  parser_->header_limit(static_cast<uint32_t>(std::min<size_t>(shared_->options.header_bytes, 1u << 30)));
  parser_->body_limit(shared_->options.body_bytes);
  request_ = {};
  request_.peer = peer_;
  record_ = {};
  record_.time = std::chrono::system_clock::now();
  record_.peer = peer_;
  started_ = Clock::now();
  cors_.clear();
  head_bytes_ = 0;
  keep_alive_ = false;
}

HttpConnection::Progress HttpConnection::read_head() {
  error_code failure;
  const size_t used = parser_->put(buffer_.data(), failure);
  buffer_.consume(used);
  head_bytes_ += used;
  const bool needs_more = failure == http::error::need_more;
  // The parser counts the request line and the fields apart; the limit is on both.
  if (head_bytes_ + (needs_more ? buffer_.size() : 0) > shared_->options.header_bytes)
    failure = http::error::header_limit;
  else if (needs_more)
    return Progress::needs_more;
  if (failure && failure != http::error::body_limit) {
    refuse(*refusal_of(failure));
    return Progress::goes_on;
  }
  const auto& head = parser_->get();
  request_.method = std::string(head.method_string());
  for (const auto& field : head)
    request_.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
  const auto refusal = judge_head();
  if (refusal)
    refuse(*refusal);
  else if (failure)
    refuse(*refusal_of(failure));
  else
    on_head();
  return Progress::goes_on;
}

// The head is well-formed and says whom it is for.
std::optional<HttpRefusal> HttpConnection::judge_head() {
  const auto& head = parser_->get();
  const std::string target(head.target());
  record_.method = request_.method;
  record_.path = target.substr(0, target.find_first_of("?#"));
  const auto hosts = std::count_if(request_.headers.begin(), request_.headers.end(),
                                   [](const auto& header) { return boost::beast::iequals(header.first, "host"); });
  if (hosts > 1 || (hosts == 0 && head.version() == 11))
    return HttpRefusal{400, fmt::format("request: got {} Host headers, want one", hosts)};
  const std::string* host = request_.header("Host");
  if (host && !shared_->hosts.empty() && !host_is_one_of(*host, shared_->hosts)) {
    return HttpRefusal{403,
                       fmt::format("request: got Host '{}', want localhost, 127.0.0.1 or [::1]; another name must be "
                                   "allowed when the server starts",
                                   *host)};
  }
  cors_ = cors_headers(request_, shared_->options.cors_origins);
  if (const auto refusal = read_target(target, request_)) return refusal;
  // Another coding than chunked would leave the body's end unknown, and its bytes to be taken for the next request.
  if (request_.header("Transfer-Encoding") && (!parser_->chunked() || head.version() < 11))
    return HttpRefusal{501, "request: got a Transfer-Encoding that is not chunked, want chunked or a Content-Length"};
  const std::string* expect = request_.header("Expect");
  if (expect && !boost::beast::iequals(*expect, "100-continue"))
    return HttpRefusal{417, "request: got an Expect that is not known, want 100-continue"};
  return std::nullopt;
}

void HttpConnection::on_head() {
  keep_alive_ = parser_->get().keep_alive();
  if (parser_->is_done()) return handle();
  phase_ = Phase::body;
  parser_->eager(true);
  set_deadline(shared_->options.body_time);
  if (request_.header("Expect") && parser_->get().version() >= 11 && buffer_.size() == 0) write_continue();
}

HttpConnection::Progress HttpConnection::read_body() {
  error_code failure;
  const size_t used = parser_->put(buffer_.data(), failure);
  buffer_.consume(used);
  const bool needs_more = failure == http::error::need_more;
  // The parser waits for the end of a chunk's line, or of the trailers, however long they are.
  if (needs_more && buffer_.size() > shared_->options.header_bytes) failure = http::error::header_limit;
  if (failure && failure != http::error::need_more)
    refuse(*refusal_of(failure));
  else if (!hold_body(parser_->get().body().size()))
    refuse({503, "request: the server is taking too many large bodies, try again later"}, {{"Retry-After", "1"}});
  else if (parser_->is_done())
    handle();
  else if (needs_more || used == 0)
    return Progress::needs_more;
  return Progress::goes_on;
}

bool HttpConnection::hold_body(size_t bytes) {
  shared_->body_bytes += bytes - held_bytes_;
  held_bytes_ = bytes;
  return bytes == 0 || shared_->body_bytes <= shared_->options.all_bodies_bytes;
}

std::optional<HttpRefusal> HttpConnection::refusal_of(const error_code& failure) const {
  const HttpOptions& options = shared_->options;
  if (failure == http::error::header_limit)
    return HttpRefusal{431, fmt::format("request: got a head of more than {} bytes, want less", options.header_bytes)};
  if (failure == http::error::body_limit)
    return HttpRefusal{413, fmt::format("request: got a body of more than {} bytes, want less", options.body_bytes)};
  if (failure == http::error::bad_version)
    return HttpRefusal{400, "request: got another protocol than HTTP/1.0 or HTTP/1.1"};
  return HttpRefusal{400, fmt::format("request: got no well-formed HTTP ({})", failure.message())};
}

}  // namespace hearth
