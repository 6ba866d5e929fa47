// Hands requests to the handler, writes replies to a client's socket, and ends connections.
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "server/http_connection.h"

namespace hearth {
namespace {

using boost::system::error_code;

// How long a refused client may go on to read why: closing with input unread would reset the connection and lose it.
constexpr std::chrono::milliseconds kDrainTime{1000};

}  // namespace

void HttpConnection::open_channel() {
  ReplyFraming framing;
  framing.head_only = request_.method == "HEAD";
  framing.is_http_1_1 = !parser_ || !parser_->is_header_done() || parser_->get().version() >= 11;
  framing.keep_alive = keep_alive_ && !shared_->stopping;
  framing.headers = cors_;
  framing.queue_bytes = shared_->options.queue_bytes;
  wrote_at_ = {};                                       // a reply's first piece waits for none
  channel_ = std::make_shared<ReplyChannel>(std::move(framing), [weak = weak_from_this()] {
    auto self = weak.lock();
    if (!self) return;
    const auto executor = self->executor_;
    boost::asio::post(executor, [self = std::move(self)] { self->flush(); });
  });
}

void HttpConnection::handle() {
  clear_deadline();
  if (writing_) set_deadline(shared_->options.stall_time);  // "100 Continue" is still on its way
  phase_ = Phase::replying;
  ++shared_->requests;
  ++shared_->running_replies;
  request_.body = std::move(parser_->get().body());
  hold_body(0);
  open_channel();
  const auto channel = channel_;
  if (!cors_.empty() && is_preflight(request_)) return channel->send(204, "", "", preflight_headers(request_));
  try {
    shared_->handler(std::move(request_), own_reply(channel));
  } catch (...) {  // libraries under the handler may throw; the reply may have been kept, so say it here
    channel->abandon();
  }
}

void HttpConnection::refuse(const HttpRefusal& refusal, HttpHeaders headers) {
  if (welcome_ == Welcome::serve) ++shared_->refused_requests;
  phase_ = Phase::refusing;
  if (held_bytes_ > 0) std::string().swap(parser_->get().body());
  hold_body(0);
  ++shared_->running_replies;
  keep_alive_ = false;
  set_deadline(shared_->options.stall_time);
  open_channel();
  channel_->send(refusal.status, "application/json", http_error_body(refusal), headers);
}

void HttpConnection::write_continue() {
  continue_ = "HTTP/1.1 100 Continue\r\n\r\n";
  piece_ = {};
  piece_.head = continue_;
  piece_written_ = 0;
  write_some();
}

void HttpConnection::flush() {
  if (phase_ == Phase::closed || !channel_) return;
  if (channel_->wants_cut()) {
    if (channel_->is_slow()) ++shared_->slow_readers;
    return cut();
  }
  if (writing_ || gather() || !channel_->take(piece_)) return;
  piece_written_ = 0;
  if (!piece_.payload.empty()) wrote_at_ = Clock::now();
  write_some();
}

// One write a client and tick at most; ticks are the same for all, so that one waking serves every client.
bool HttpConnection::gather() {
  const Clock::duration tick = shared_->options.gather_time;
  if (tick <= Clock::duration::zero()) return false;
  const auto next = Clock::time_point(wrote_at_.time_since_epoch() / tick * tick + tick);
  if (Clock::now() >= next || !channel_->delay()) return false;
  if (std::exchange(gather_waits_, true)) return true;
  gather_timer_.expires_at(next);
  gather_timer_.async_wait([self = shared_from_this()](const error_code&) {
    self->gather_waits_ = false;
    self->flush();
  });
  return true;
}

void HttpConnection::write_some() {
  std::array<boost::asio::const_buffer, 3> rest;
  size_t skipped = piece_written_, filled = 0, total = 0;
  for (const std::string* part : {&piece_.head, &piece_.payload, &piece_.tail}) {
    const size_t cut = std::min(skipped, part->size());
    skipped -= cut;
    rest[filled++] = boost::asio::buffer(part->data() + cut, part->size() - cut);
    total += part->size() - cut;
  }
  if (total == 0) {  // an HTTP/1.0 stream ends with nothing
    channel_->wrote();
    return finish_reply();
  }
  writing_ = true;
  if (phase_ != Phase::body) set_deadline(shared_->options.stall_time);
  socket_.async_write_some(
      rest, [self = shared_from_this()](const error_code& failure, size_t bytes) { self->on_wrote(failure, bytes); });
}

void HttpConnection::on_wrote(const error_code& failure, size_t bytes) {
  writing_ = false;
  if (phase_ == Phase::closed) return;
  if (failure) return phase_ == Phase::replying ? cut() : close();
  shared_->bytes_out += bytes;
  piece_written_ += bytes;
  if (!continue_.empty()) {
    if (piece_written_ < continue_.size()) return write_some();
    continue_.clear();
    return flush();
  }
  record_.bytes += bytes;
  if (channel_->wants_cut()) return flush();
  if (piece_written_ < piece_.head.size() + piece_.payload.size() + piece_.tail.size()) return write_some();
  clear_deadline();
  channel_->wrote();
  piece_.is_last ? finish_reply() : flush();
}

void HttpConnection::finish_reply() {
  const bool refused = phase_ == Phase::refusing, keeps_alive = channel_->keeps_alive();
  record(false);
  channel_->cut();
  channel_.reset();
  piece_ = {};
  if (refused || !keeps_alive || saw_end_ || shared_->stopping) return drain();
  phase_ = Phase::idle;
  set_deadline(shared_->options.idle_time);
  advance();
  read();
}

void HttpConnection::record(bool gone) {
  --shared_->running_replies;
  if (gone) ++shared_->gone_clients;
  if (!shared_->options.on_access) return;
  record_.status = channel_->status();
  record_.duration = Clock::now() - started_;
  record_.gone = gone;
  try {
    shared_->options.on_access(record_);
  } catch (...) {  // a log that fails must not take the server along
  }
}

void HttpConnection::set_deadline(std::chrono::milliseconds from_now) {
  deadline_ = Clock::now() + from_now;
  if (deadline_waits_ && deadline_timer_.expiry() <= deadline_) return;
  wait_deadline();
}

void HttpConnection::clear_deadline() { deadline_ = Clock::time_point::max(); }

// The timer is not touched for each write: it fires, sees that the deadline has moved, and waits on.
void HttpConnection::wait_deadline() {
  deadline_waits_ = true;
  deadline_timer_.expires_at(deadline_);
  deadline_timer_.async_wait([self = shared_from_this()](const error_code& failure) {
    if (failure || self->phase_ == Phase::closed) return;  // set anew, or over
    self->deadline_waits_ = false;
    if (self->deadline_ == Clock::time_point::max()) return;
    self->deadline_ <= Clock::now() ? self->on_deadline() : self->wait_deadline();
  });
}

void HttpConnection::on_deadline() {
  switch (phase_) {
    case Phase::head:
      return refuse({408, "request: its head did not come in time"});
    case Phase::body:
      return refuse({408, "request: its body did not come in time"});
    case Phase::replying:
      ++shared_->slow_readers;
      return cut();
    case Phase::idle:
    case Phase::refusing:
    case Phase::draining:
    case Phase::closed:
      return close();
  }
}

void HttpConnection::drain() {
  error_code ignored;
  socket_.shutdown(boost::asio::ip::tcp::socket::shutdown_send, ignored);
  if (saw_end_) return close();
  phase_ = Phase::draining;
  set_deadline(kDrainTime);
  drop_input();
  read();
}

void HttpConnection::cut() {
  error_code ignored;
  socket_.set_option(boost::asio::socket_base::linger(true, 0), ignored);
  close();
}

void HttpConnection::close() {
  if (phase_ == Phase::closed) return;
  phase_ = Phase::closed;
  hold_body(0);
  deadline_timer_.cancel();
  hangup_timer_.cancel();
  gather_timer_.cancel();
  error_code ignored;
  socket_.close(ignored);
  if (!channel_) return;
  record(true);
  channel_->cut();
  channel_.reset();
}

}  // namespace hearth
