// A client for tests of the HTTP server: raw bytes over a blocking socket, a server on a free port around a handler.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "server/http.h"

namespace hearth {

using Milliseconds = std::chrono::milliseconds;

struct HttpAnswer {
  int status = 0;          // 0: none came
  std::string head, body;  // the body without chunk framing
  bool is_whole = false;

  bool has(std::string_view text) const { return head.find(text) != std::string::npos; }
};

class TestClient {
 public:
  explicit TestClient(int port, int receive_buffer = 0) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    if (receive_buffer > 0) ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    const int on = 1;
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const timeval patience{20, 0};  // a test that hangs fails instead
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~TestClient() { close(); }
  TestClient(const TestClient&) = delete;
  TestClient(TestClient&& other) noexcept
      : socket_(std::exchange(other.socket_, -1)), connected_(other.connected_), input_(std::move(other.input_)) {}

  bool connected() const { return connected_; }

  // false when the server no longer takes it.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }
  void finish_sending() { ::shutdown(socket_, SHUT_WR); }
  void close() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }
  void reset() {
    const linger now{1, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close();
  }

  // Reads more; false at the end, however it comes.
  bool receive() {
    char buffer[16384];
    const ssize_t got = ::recv(socket_, buffer, sizeof buffer, 0);
    if (got <= 0) return false;
    input_.append(buffer, static_cast<size_t>(got));
    return true;
  }
  // All up to and with `text`, or nothing.
  std::string receive_until(std::string_view text) {
    size_t at;
    while ((at = input_.find(text)) == std::string::npos)
      if (!receive()) return {};
    return take(at + text.size());
  }
  bool receive_bytes(size_t count) {
    while (input_.size() < count)
      if (!receive()) return false;
    return true;
  }
  bool is_at_end() { return input_.empty() && !receive(); }
  std::string rest() {
    while (receive()) {
    }
    return take(input_.size());
  }

  // One answer; of a HEAD its head alone.
  HttpAnswer answer(std::string_view method = "GET") {
    HttpAnswer answer;
    answer.head = receive_until("\r\n\r\n");
    if (answer.head.size() < 12) return answer;
    answer.status = std::atoi(answer.head.c_str() + 9);
    const size_t length = answer.head.find("Content-Length: ");
    if (method == "HEAD" || answer.status < 200 || answer.status == 204) {
      answer.is_whole = true;
    } else if (length != std::string::npos) {
      const size_t bytes = std::stoul(answer.head.substr(length + 16));
      answer.is_whole = receive_bytes(bytes);
      answer.body = take(std::min(bytes, input_.size()));
    } else if (answer.has("Transfer-Encoding: chunked")) {
      answer.is_whole = read_chunks(answer.body);
    } else {
      answer.body = rest();
      answer.is_whole = true;
    }
    return answer;
  }
  HttpAnswer ask(std::string_view request) {
    return send(request) ? answer(request.substr(0, request.find(' '))) : HttpAnswer{};
  }

 private:
  bool read_chunks(std::string& body) {
    while (true) {
      const std::string line = receive_until("\r\n");
      if (line.empty()) return false;
      const size_t bytes = std::stoul(line, nullptr, 16);
      if (!receive_bytes(bytes + 2)) return false;
      body += take(bytes);
      if (take(2) != "\r\n") return false;
      if (bytes == 0) return true;
    }
  }
  std::string take(size_t count) {
    std::string taken = input_.substr(0, count);
    input_.erase(0, count);
    return taken;
  }

  int socket_;
  bool connected_ = false;
  std::string input_;
};

// Runs a server until the end of the scope.
class TestServer {
 public:
  TestServer(HttpOptions options, HttpServer::Handler handler) : server_(opened(options, std::move(handler))) {
    thread_ = std::thread([this] { server_.run(); });
  }
  ~TestServer() { stop(Milliseconds(0)); }

  int port() const { return server_.port(); }
  TestClient connect(int receive_buffer = 0) const { return TestClient(port(), receive_buffer); }
  HttpServer& operator*() { return server_; }
  HttpServer* operator->() { return &server_; }
  void stop(Milliseconds grace) {
    server_.stop(grace);
    join();
  }
  void join() {
    if (thread_.joinable()) thread_.join();
  }

 private:
  static HttpServer opened(HttpOptions options, HttpServer::Handler handler) {
    options.port = 0;
    auto server = HttpServer::open(options, std::move(handler));
    if (!server) ADD_FAILURE() << server.message();
    return std::move(server).value();
  }

  HttpServer server_;
  std::thread thread_;
};

// Set once, waited for with a bound.
class Signal {
 public:
  void set() {
    const std::lock_guard lock(mutex_);
    ++count_;
    changed_.notify_all();
  }
  bool wait(Milliseconds limit = Milliseconds(20'000), int count = 1) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, limit, [&] { return count_ >= count; });
  }
  int count() {
    const std::lock_guard lock(mutex_);
    return count_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int count_ = 0;
};

// Until `holds`, or some seconds have passed.
inline bool soon(const std::function<bool()>& holds, Milliseconds limit = Milliseconds(20'000)) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(Milliseconds(1));
  }
  return true;
}

inline double milliseconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

inline std::string get(std::string_view path, std::string_view headers = "") {
  return fmt::format("GET {} HTTP/1.1\r\nHost: localhost\r\n{}\r\n", path, headers);
}
inline std::string post(std::string_view path, std::string_view body, std::string_view headers = "") {
  return fmt::format("POST {} HTTP/1.1\r\nHost: localhost\r\n{}Content-Length: {}\r\n\r\n{}", path, headers,
                     body.size(), body);
}

}  // namespace hearth
