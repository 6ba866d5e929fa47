// ReplyChannel: what the owner of a reply and the connection under it share; one lock, no sockets.
//
// The owner's side is any thread, the connection's side is its strand. The channel wakes the connection, never the
// other way round; cut() and finish() end that, so a channel may outlive its connection and the server.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "server/http.h"

namespace hearth {

struct ReplyFraming {
  bool head_only = false;   // the request was a HEAD
  bool is_http_1_1 = true;  // chunked streams; HTTP/1.0 ends them by closing
  bool keep_alive = true;
  HttpHeaders headers;  // beside the handler's: CORS
  size_t queue_bytes = 1 << 20;
};

// What to write next, in this order.
struct ReplyPiece {
  std::string head, payload, tail;
  bool is_last = false;
};

class ReplyChannel {
 public:
  // `wake` is called under the lock, at most once until the next take() or delay().
  ReplyChannel(ReplyFraming framing, std::function<void()> wake);

  // The owner's side: HttpReply's laws.
  void send(int status, std::string_view content_type, std::string body, const HttpHeaders& headers);
  void begin_stream(int status, std::string_view content_type, const HttpHeaders& headers);
  bool write(std::string_view chunk);
  void end();
  void abandon();  // nobody will go on: a 500 where nothing was said yet, else a cut
  bool is_gone() const;
  void on_gone(std::function<void()> call);
  size_t queued_bytes() const;

  // The connection's side.
  bool take(ReplyPiece& piece);  // false: nothing to write now
  bool delay();                  // what goes on may wait for more: wakes only for its end, or for much, until take()
  void wrote();                  // the kernel has taken the last piece
  void cut();                    // the client is gone: calls on_gone's call, wakes no more
  bool wants_cut() const;        // the owner abandoned a stream, or the reader is too slow
  bool is_slow() const;
  bool is_ended() const;
  bool keeps_alive() const;
  int status() const;  // 0: none yet

 private:
  enum class Phase { waiting, streaming, ended };

  bool is_over() const { return gone_ || phase_ == Phase::ended; }
  void begin(int status, std::string_view content_type, const HttpHeaders& headers, int64_t length);
  void wake_once();
  bool is_little() const;  // what waits to be written may wait for more

  mutable std::mutex mutex_;
  ReplyFraming framing_;
  std::function<void()> wake_;
  std::function<void()> on_gone_;
  std::string head_, payload_;
  size_t in_flight_ = 0;  // bytes of payload taken and not yet written
  Phase phase_ = Phase::waiting;
  int status_ = 0;
  bool has_body_ = true, chunked_ = false;
  bool awake_ = false, delayed_ = false, gone_ = false, slow_ = false, wants_cut_ = false, last_taken_ = false;
};

// The owner's handle: dropping it abandons the channel.
std::shared_ptr<HttpReply> own_reply(std::shared_ptr<ReplyChannel> channel);

}  // namespace hearth
