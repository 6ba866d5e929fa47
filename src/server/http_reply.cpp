// Frames replies and queues them between their owner's threads and the connection.
#include "server/http_reply.h"

#include <time.h>

#include <algorithm>
#include <array>
#include <utility>

#include "server/http_request.h"

namespace hearth {
namespace {

// A value is one line whatever it was made from; a header smuggled in by a line break stays text.
void append_header(std::string& head, std::string_view name, std::string_view value) {
  head.append(name).append(": ");
  for (const char c : value) head += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  head.append("\r\n");
}

void append_date(std::string& head) {
  static constexpr std::array<const char*, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const time_t now = time(nullptr);
  tm utc{};
  if (!gmtime_r(&now, &utc)) return;
  fmt::format_to(std::back_inserter(head), "Date: {}, {:02} {} {} {:02}:{:02}:{:02} GMT\r\n", kDays[utc.tm_wday],
                 utc.tm_mday, kMonths[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

bool may_have_body(int status) { return status >= 200 && status != 204 && status != 304; }

void call_safely(const std::function<void()>& call) {
  try {
    if (call) call();
  } catch (...) {  // a caller's library may throw; an IO thread must live on
  }
}

constexpr int64_t kStream = -1;
constexpr size_t kMuch = 16 << 10;  // so many bytes wait for no more

}  // namespace

ReplyChannel::ReplyChannel(ReplyFraming framing, std::function<void()> wake)
    : framing_(std::move(framing)), wake_(std::move(wake)) {}

bool ReplyChannel::is_little() const {
  return phase_ == Phase::streaming && !wants_cut_ && payload_.size() < std::min(kMuch, framing_.queue_bytes / 2);
}

void ReplyChannel::wake_once() {
  if (delayed_ && is_little()) return;
  const bool is_due = !awake_ || delayed_ || wants_cut_;  // a cut does not wait for the write under way
  if (!is_due || !wake_) return;
  awake_ = true;
  delayed_ = false;
  wake_();
}

void ReplyChannel::begin(int status, std::string_view content_type, const HttpHeaders& headers, int64_t length) {
  status_ = status;
  has_body_ = may_have_body(status);
  chunked_ = length == kStream && has_body_ && framing_.is_http_1_1;
  if (length == kStream && has_body_ && !framing_.is_http_1_1) framing_.keep_alive = false;
  head_ = fmt::format("HTTP/1.1 {} {}\r\n", status, http_reason(status));
  append_date(head_);
  if (has_body_ && !content_type.empty()) append_header(head_, "Content-Type", content_type);
  if (chunked_) append_header(head_, "Transfer-Encoding", "chunked");
  if (has_body_ && length != kStream) append_header(head_, "Content-Length", std::to_string(length));
  if (!framing_.keep_alive) append_header(head_, "Connection", "close");
  if (framing_.keep_alive && !framing_.is_http_1_1) append_header(head_, "Connection", "keep-alive");
  for (const auto& [name, value] : framing_.headers) append_header(head_, name, value);
  for (const auto& [name, value] : headers) append_header(head_, name, value);
  head_.append("\r\n");
  if (framing_.head_only) has_body_ = chunked_ = false;
}

void ReplyChannel::send(int status, std::string_view content_type, std::string body, const HttpHeaders& headers) {
  std::function<void()> unneeded;  // what it holds may drop the reply: not under the lock
  const std::lock_guard lock(mutex_);
  if (is_over() || phase_ != Phase::waiting) return;
  begin(status, content_type, headers, static_cast<int64_t>(body.size()));
  if (has_body_) payload_ = std::move(body);
  phase_ = Phase::ended;
  unneeded.swap(on_gone_);
  wake_once();
}

void ReplyChannel::begin_stream(int status, std::string_view content_type, const HttpHeaders& headers) {
  const std::lock_guard lock(mutex_);
  if (is_over() || phase_ != Phase::waiting) return;
  begin(status, content_type, headers, kStream);
  phase_ = Phase::streaming;
  wake_once();
}

bool ReplyChannel::write(std::string_view chunk) {
  const std::lock_guard lock(mutex_);
  if (is_over() || phase_ != Phase::streaming || wants_cut_) return false;
  if (!has_body_) return true;
  if (payload_.size() + in_flight_ > framing_.queue_bytes) {
    slow_ = wants_cut_ = true;
    gone_ = true;
    payload_ = {};
    wake_once();
    return false;
  }
  payload_.append(chunk);
  if (!chunk.empty()) wake_once();
  return true;
}

void ReplyChannel::end() {
  std::function<void()> unneeded;
  const std::lock_guard lock(mutex_);
  if (is_over() || phase_ != Phase::streaming || wants_cut_) return;
  phase_ = Phase::ended;
  unneeded.swap(on_gone_);
  wake_once();
}

void ReplyChannel::abandon() {
  bool unanswered = false;
  {
    const std::lock_guard lock(mutex_);
    if (is_over()) return;
    unanswered = phase_ == Phase::waiting;
    if (!unanswered) {
      wants_cut_ = true;
      wake_once();
    }
  }
  const HttpRefusal failure{500, "server: the request was dropped without an answer; this is a bug of the server"};
  if (unanswered) send(failure.status, "application/json", http_error_body(failure), {});
}

bool ReplyChannel::is_gone() const {
  const std::lock_guard lock(mutex_);
  return gone_;
}

void ReplyChannel::on_gone(std::function<void()> call) {
  {
    const std::lock_guard lock(mutex_);
    if (!gone_) {
      if (phase_ != Phase::ended) on_gone_.swap(call);
      return;
    }
  }
  call_safely(call);
}

size_t ReplyChannel::queued_bytes() const {
  const std::lock_guard lock(mutex_);
  return payload_.size() + in_flight_;
}

bool ReplyChannel::take(ReplyPiece& piece) {
  const std::lock_guard lock(mutex_);
  awake_ = delayed_ = false;
  piece = {};
  if (phase_ == Phase::waiting || wants_cut_ || last_taken_) return false;
  piece.is_last = last_taken_ = phase_ == Phase::ended;
  piece.head = std::exchange(head_, {});
  piece.payload = std::exchange(payload_, {});
  in_flight_ = piece.payload.size();
  if (chunked_ && in_flight_ > 0) {
    fmt::format_to(std::back_inserter(piece.head), "{:x}\r\n", in_flight_);
    piece.tail = "\r\n";
  }
  if (chunked_ && piece.is_last) piece.tail += "0\r\n\r\n";
  return piece.is_last || !piece.head.empty() || !piece.payload.empty();
}

bool ReplyChannel::delay() {
  const std::lock_guard lock(mutex_);
  delayed_ = head_.empty() && !payload_.empty() && is_little();
  return delayed_;
}

void ReplyChannel::wrote() {
  const std::lock_guard lock(mutex_);
  in_flight_ = 0;
}

void ReplyChannel::cut() {
  std::function<void()> call, wake;
  {
    const std::lock_guard lock(mutex_);
    wake.swap(wake_);
    call.swap(on_gone_);
    if (phase_ != Phase::ended) gone_ = true;
    payload_ = {};
    in_flight_ = 0;
  }
  call_safely(call);
}

bool ReplyChannel::wants_cut() const {
  const std::lock_guard lock(mutex_);
  return wants_cut_;
}

bool ReplyChannel::is_slow() const {
  const std::lock_guard lock(mutex_);
  return slow_;
}

bool ReplyChannel::is_ended() const {
  const std::lock_guard lock(mutex_);
  return phase_ == Phase::ended;
}

bool ReplyChannel::keeps_alive() const {
  const std::lock_guard lock(mutex_);
  return framing_.keep_alive;
}

int ReplyChannel::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

namespace {

class OwnedReply final : public HttpReply {
 public:
  explicit OwnedReply(std::shared_ptr<ReplyChannel> channel) : channel_(std::move(channel)) {}
  ~OwnedReply() override { channel_->abandon(); }

  void send(int status, std::string content_type, std::string body, HttpHeaders headers) override {
    channel_->send(status, content_type, std::move(body), headers);
  }
  void begin_stream(int status, std::string content_type, HttpHeaders headers) override {
    channel_->begin_stream(status, content_type, headers);
  }
  bool write(std::string_view chunk) override { return channel_->write(chunk); }
  void end() override { channel_->end(); }
  bool is_gone() const override { return channel_->is_gone(); }
  void on_gone(std::function<void()> call) override { channel_->on_gone(std::move(call)); }
  size_t queued_bytes() const override { return channel_->queued_bytes(); }

 private:
  std::shared_ptr<ReplyChannel> channel_;
};

}  // namespace

std::shared_ptr<HttpReply> own_reply(std::shared_ptr<ReplyChannel> channel) {
  return std::make_shared<OwnedReply>(std::move(channel));
}

}  // namespace hearth
