// The HTTP server under clients that leave, dawdle or come in crowds, and its stopping.
#include <atomic>

#include "tests/server/http_client.h"

namespace hearth {
namespace {

using Clock = std::chrono::steady_clock;

// Begins a stream, says one thing and keeps the reply.
struct Streamer {
  std::mutex mutex;
  std::vector<std::shared_ptr<HttpReply>> replies;
  Signal started, gone;
  std::atomic<Clock::time_point> gone_at{};

  HttpServer::Handler handler() {
    return [this](HttpRequest, std::shared_ptr<HttpReply> reply) {
      reply->begin_stream(200, "text/event-stream");
      reply->write("first\n");
      reply->on_gone([this] {
        gone_at = Clock::now();
        gone.set();
      });
      {
        const std::lock_guard lock(mutex);
        replies.push_back(std::move(reply));
      }
      started.set();
    };
  }
  std::shared_ptr<HttpReply> reply(size_t at = 0) {
    const std::lock_guard lock(mutex);
    return replies.at(at);
  }
};

TEST(HttpStream, chunks_arrive_as_they_are_written) {
  Streamer streamer;
  TestServer server({}, streamer.handler());
  TestClient client = server.connect();
  ASSERT_TRUE(client.send(get("/") + get("/next")));
  EXPECT_NE(client.receive_until("first\n\r\n").find("Transfer-Encoding: chunked"), std::string::npos);
  const auto reply = streamer.reply();
  EXPECT_TRUE(reply->write(""));
  EXPECT_TRUE(reply->write("second\n"));
  EXPECT_EQ(client.receive_until("second\n\r\n"), "7\r\nsecond\n\r\n");
  EXPECT_TRUE(soon([&] { return reply->queued_bytes() == 0; }));
  EXPECT_EQ(streamer.started.count(), 1);  // the pipelined one waits its turn
  reply->end();
  reply->end();
  EXPECT_FALSE(reply->write("late"));
  EXPECT_EQ(client.receive_until("0\r\n\r\n"), "0\r\n\r\n");
  EXPECT_TRUE(streamer.started.wait(Milliseconds(20'000), 2));
  EXPECT_FALSE(reply->is_gone());
  EXPECT_EQ(streamer.gone.count(), 0);
}

TEST(HttpStream, pieces_in_a_row_go_out_together_and_the_first_and_the_end_do_not_wait) {
  HttpOptions options;
  options.gather_time = Milliseconds(60'000);
  Streamer streamer;
  TestServer server(options, streamer.handler());
  TestClient client = server.connect();
  ASSERT_TRUE(client.send(get("/")));
  EXPECT_NE(client.receive_until("first\n\r\n").find("Transfer-Encoding: chunked"), std::string::npos);
  const auto reply = streamer.reply();
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(reply->write("more\n"));
    std::this_thread::sleep_for(Milliseconds(20));
  }
  EXPECT_GE(reply->queued_bytes(), size_t{5});  // at the boundary of a minute the others may have gone
  const std::string much(20'000, 'x');
  EXPECT_TRUE(reply->write(much));
  const std::string came = client.receive_until(much + "\r\n");
  EXPECT_NE(came.find("more\n" + much), std::string::npos);
  EXPECT_TRUE(reply->write("last\n"));
  reply->end();
  EXPECT_NE(client.receive_until("0\r\n\r\n").find("last\n\r\n0\r\n\r\n"), std::string::npos);
}

// Every reply's first piece, also behind a head that went ahead and on a connection that has just written.
TEST(HttpStream, a_first_piece_does_not_wait_for_others) {
  HttpOptions options;
  options.gather_time = Milliseconds(60'000);
  TestServer server(options, [](HttpRequest, std::shared_ptr<HttpReply> reply) {
    std::thread([reply] {
      reply->begin_stream(200, "text/plain");
      std::this_thread::sleep_for(Milliseconds(50));
      reply->write("first\n");
      std::this_thread::sleep_for(Milliseconds(50));
      reply->end();
    }).detach();
  });
  TestClient client = server.connect();
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(client.send(get("/")));
    EXPECT_EQ(client.receive_until("\r\n\r\n").find("first"), std::string::npos);
    EXPECT_EQ(client.receive_until("first\n\r\n"), "6\r\nfirst\n\r\n");
    EXPECT_EQ(client.receive_until("0\r\n\r\n"), "0\r\n\r\n");
  }
}

TEST(HttpStream, gathered_pieces_go_out_without_another_word) {
  Streamer streamer;
  TestServer server({}, streamer.handler());
  TestClient client = server.connect();
  ASSERT_TRUE(client.send(get("/")));
  client.receive_until("first\n\r\n");
  EXPECT_TRUE(streamer.reply()->write("second\n"));
  EXPECT_EQ(client.receive_until("second\n\r\n"), "7\r\nsecond\n\r\n");
  streamer.reply()->end();
}

TEST(HttpStream, http_1_0_streams_end_with_the_connection) {
  TestServer server({}, [](HttpRequest, std::shared_ptr<HttpReply> reply) {
    reply->begin_stream(200, "text/plain");
    reply->write("one ");
    reply->write("two");
    reply->end();
  });
  TestClient client = server.connect();
  const HttpAnswer answer = client.ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_FALSE(answer.has("chunked"));
  EXPECT_TRUE(answer.has("Connection: close"));
  EXPECT_EQ(answer.body, "one two");
}

TEST(HttpStream, a_client_that_leaves_is_noticed_at_once_while_nothing_is_written) {
  enum class Way { close, reset, finish_sending };
  for (const Way way : {Way::close, Way::reset, Way::finish_sending}) {
    Streamer streamer;
    TestServer server({}, streamer.handler());
    TestClient client = server.connect();
    ASSERT_TRUE(client.send(get("/")));
    ASSERT_FALSE(client.receive_until("first").empty());
    EXPECT_FALSE(streamer.reply()->is_gone());
    const auto left = Clock::now();
    if (way == Way::close) client.close();
    if (way == Way::reset) client.reset();
    if (way == Way::finish_sending) client.finish_sending();
    ASSERT_TRUE(streamer.gone.wait());
    EXPECT_LT(std::chrono::duration<double>(streamer.gone_at.load() - left).count(), 0.1);
    EXPECT_TRUE(streamer.reply()->is_gone());
    EXPECT_FALSE(streamer.reply()->write("nobody"));
    streamer.reply()->end();
    // Told late, told at once.
    Signal late;
    streamer.reply()->on_gone([&] { late.set(); });
    EXPECT_EQ(late.count(), 1);
    EXPECT_EQ(streamer.gone.count(), 1);
    EXPECT_EQ(server->stats().gone_clients, 1u);
  }
}

TEST(HttpStream, a_client_that_leaves_is_noticed_behind_input_that_waits) {
  Streamer streamer;
  TestServer server({}, streamer.handler());
  TestClient client = server.connect();
  ASSERT_TRUE(client.send(get("/") + post("/later", std::string(1 << 17, 'x'))));
  ASSERT_FALSE(client.receive_until("first").empty());
  EXPECT_FALSE(streamer.gone.wait(Milliseconds(60)));
  const auto left = Clock::now();
  client.close();
  ASSERT_TRUE(streamer.gone.wait());
  EXPECT_LT(std::chrono::duration<double>(streamer.gone_at.load() - left).count(), 0.1);
}

TEST(HttpStream, input_that_waited_is_read_when_its_turn_comes) {
  Streamer streamer;
  TestServer server({}, [&](HttpRequest request, std::shared_ptr<HttpReply> reply) {
    if (request.path == "/") return streamer.handler()(std::move(request), std::move(reply));
    reply->send(200, "text/plain", std::to_string(request.body.size()));
  });
  TestClient client = server.connect();
  ASSERT_TRUE(client.send(get("/") + post("/later", std::string(1 << 20, 'x'))));
  ASSERT_FALSE(client.receive_until("first").empty());
  streamer.reply()->end();
  ASSERT_FALSE(client.receive_until("0\r\n\r\n").empty());
  EXPECT_EQ(client.answer().body, std::to_string(1 << 20));
}

TEST(HttpStream, a_client_that_leaves_before_any_answer_is_noticed) {
  std::shared_ptr<HttpReply> kept;
  Signal started, gone;
  std::atomic<int> status = -1;
  HttpOptions options;
  options.on_access = [&](const AccessRecord& record) { status = record.gone ? record.status : -2; };
  TestServer server(options, [&](HttpRequest, std::shared_ptr<HttpReply> reply) {
    reply->on_gone([&] { gone.set(); });
    kept = std::move(reply);
    started.set();
  });
  {
    TestClient client = server.connect();
    ASSERT_TRUE(client.send(get("/")));
    ASSERT_TRUE(started.wait());
  }
  EXPECT_TRUE(gone.wait());
  kept->send(200, "text/plain", "late");
  EXPECT_TRUE(soon([&] { return status == 0; }));
}

TEST(HttpStream, slow_readers_are_cut) {
  HttpOptions options;
  options.queue_bytes = 64 << 10;
  options.send_buffer_bytes = 16 << 10;
  Streamer streamer;
  TestServer server(options, streamer.handler());
  TestClient client = server.connect(4096);
  ASSERT_TRUE(client.send(get("/")));
  ASSERT_TRUE(streamer.started.wait());
  const auto reply = streamer.reply();
  const std::string chunk(4096, 'x');
  int written = 0;
  while (reply->write(chunk) && written < 100'000) ++written;
  EXPECT_LT(written, 1000);
  EXPECT_TRUE(reply->is_gone());
  EXPECT_TRUE(streamer.gone.wait());
  EXPECT_EQ(reply->queued_bytes(), 0u);
  EXPECT_EQ(server->stats().slow_readers, 1u);
  EXPECT_TRUE(soon([&] { return server->stats().open_connections == 0; }));
}

TEST(HttpStream, writes_that_stall_are_cut) {
  HttpOptions options;
  options.stall_time = Milliseconds(50);
  options.send_buffer_bytes = 16 << 10;
  TestServer server(options, [&](HttpRequest, std::shared_ptr<HttpReply> reply) {
    reply->send(200, "text/plain", std::string(32 << 20, 'x'));
  });
  TestClient client = server.connect(4096);
  ASSERT_TRUE(client.send(get("/")));
  EXPECT_TRUE(soon([&] { return server->stats().slow_readers == 1; }));
  EXPECT_FALSE(client.answer().is_whole);
}

TEST(HttpStream, large_replies_come_whole) {
  const std::string large(32 << 20, 'x');
  TestServer server({}, [&](HttpRequest, std::shared_ptr<HttpReply> reply) { reply->send(200, "text/plain", large); });
  TestClient client = server.connect();
  EXPECT_EQ(client.ask(get("/")).body.size(), large.size());
  ASSERT_TRUE(client.send(get("/")));
  client.finish_sending();  // the reply has ended, so it may still be read
  EXPECT_EQ(client.answer().body.size(), large.size());
}

TEST(HttpTimes, dribbled_heads_and_bodies_are_408_and_idle_connections_close) {
  HttpOptions options;
  options.header_time = Milliseconds(60);
  options.body_time = Milliseconds(60);
  options.idle_time = Milliseconds(60);
  TestServer server(options, [](HttpRequest, std::shared_ptr<HttpReply> reply) { reply->send(200, "", "ok"); });
  const auto start = Clock::now();
  TestClient loris = server.connect();
  std::atomic<bool> answered = false;
  std::thread dribble([&] {  // a byte every few milliseconds does not buy time
    const std::string request = get("/", "X: " + std::string(2000, 'x'));
    for (size_t i = 0; i < request.size() && !answered && loris.send({&request[i], 1}); ++i)
      std::this_thread::sleep_for(Milliseconds(2));
  });
  EXPECT_EQ(loris.answer().status, 408);
  answered = true;
  EXPECT_LT(milliseconds_since(start), 2000);
  dribble.join();
  TestClient body = server.connect();
  EXPECT_EQ(body.ask("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhalf").status, 408);
  TestClient silent = server.connect();
  EXPECT_TRUE(silent.is_at_end());
  TestClient idle = server.connect();
  EXPECT_EQ(idle.ask(get("/")).status, 200);
  EXPECT_TRUE(idle.is_at_end());
  EXPECT_TRUE(soon([&] { return server->stats().open_connections <= 2; }));
}

TEST(HttpTimes, a_reply_may_take_longer_than_any_request) {
  HttpOptions options;
  options.header_time = options.body_time = options.idle_time = options.stall_time = Milliseconds(30);
  Streamer streamer;
  TestServer server(options, streamer.handler());
  TestClient client = server.connect();
  ASSERT_TRUE(client.send(get("/")));
  ASSERT_FALSE(client.receive_until("first").empty());
  EXPECT_FALSE(streamer.gone.wait(Milliseconds(150)));
  EXPECT_TRUE(streamer.reply()->write("last"));
  EXPECT_FALSE(client.receive_until("last").empty());
}

TEST(HttpStop, lets_replies_end_and_closes_idle_connections) {
  Streamer streamer;
  TestServer server({}, streamer.handler());
  TestClient idle = server.connect(), busy = server.connect();
  ASSERT_TRUE(busy.send(get("/")));
  ASSERT_FALSE(busy.receive_until("first\n\r\n").empty());
  const auto start = Clock::now();
  server->stop(Milliseconds(20'000));
  EXPECT_TRUE(idle.is_at_end());
  EXPECT_FALSE(server.connect().ask(get("/")).is_whole);
  EXPECT_TRUE(streamer.reply()->write("still here"));
  streamer.reply()->end();
  EXPECT_NE(busy.rest().find("still here\r\n0\r\n\r\n"), std::string::npos);
  busy.close();
  server.join();
  EXPECT_LT(milliseconds_since(start), 10'000);
  EXPECT_EQ(streamer.gone.count(), 0);
}

TEST(HttpStop, cuts_what_is_left_when_the_grace_is_over) {
  Streamer streamer;
  TestServer server({}, streamer.handler());
  TestClient client = server.connect();
  ASSERT_TRUE(client.send(get("/")));
  ASSERT_FALSE(client.receive_until("first\n\r\n").empty());
  const auto start = Clock::now();
  server->stop(Milliseconds(60'000));
  server.stop(Milliseconds(30));
  EXPECT_LT(milliseconds_since(start), 10'000);
  EXPECT_EQ(streamer.gone.count(), 1);
  EXPECT_FALSE(streamer.reply()->write("nobody"));
  EXPECT_EQ(client.rest(), "");
}

TEST(HttpStop, before_run_and_without_run) {
  const auto ignore = [](HttpRequest, std::shared_ptr<HttpReply> reply) { reply->send(200, "", ""); };
  auto server = HttpServer::open({.port = 0}, ignore);
  ASSERT_TRUE(server) << server.message();
  server->stop(Milliseconds(0));
  server->run();
  auto never = HttpServer::open({.port = 0}, ignore);
  ASSERT_TRUE(never) << never.message();
  TestClient waits(never->port());
  EXPECT_TRUE(waits.connected());
}

// Writes to every reply from threads of its own, as an engine does.
class Crowd {
 public:
  explicit Crowd(int chunks) : chunks_(chunks) {
    for (int i = 0; i < 2; ++i) threads_.emplace_back([this] { work(); });
  }
  ~Crowd() {
    closing_ = true;
    for (std::thread& thread : threads_) thread.join();
  }
  void add(HttpRequest request, std::shared_ptr<HttpReply> reply) {
    reply->begin_stream(200, "text/plain");
    reply->on_gone([this] { ++gone_; });
    const std::lock_guard lock(mutex_);
    jobs_.push_back({std::move(request.path), std::move(reply), 0});
  }
  int gone() const { return gone_; }

 private:
  struct Job {
    std::string name;
    std::shared_ptr<HttpReply> reply;
    int done = 0;
  };
  void work() {
    while (!closing_) {
      Job job;
      {
        const std::lock_guard lock(mutex_);
        if (!jobs_.empty()) {
          job = std::move(jobs_.front());
          jobs_.erase(jobs_.begin());
        }
      }
      if (!job.reply) {
        std::this_thread::sleep_for(Milliseconds(1));
        continue;
      }
      const bool reads = job.reply->write(fmt::format("{}:{}\n", job.name, job.done++));
      if (reads && job.done == chunks_) job.reply->end();
      const std::lock_guard lock(mutex_);
      if (reads && job.done < chunks_) jobs_.push_back(std::move(job));
    }
  }

  const int chunks_;
  std::atomic<bool> closing_{false};
  std::atomic<int> gone_{0};
  std::mutex mutex_;
  std::vector<Job> jobs_;
  std::vector<std::thread> threads_;
};

TEST(HttpCrowd, streams_of_256_clients_arrive_whole_and_unmixed) {
  constexpr int kClients = 256, kChunks = 40;
  Crowd crowd(kChunks);
  HttpOptions options;
  options.io_threads = 2;
  TestServer server(options, [&](HttpRequest request, std::shared_ptr<HttpReply> reply) {
    crowd.add(std::move(request), std::move(reply));
  });
  std::vector<TestClient> clients;
  for (int i = 0; i < kClients; ++i) clients.push_back(server.connect());
  for (int i = 0; i < kClients; ++i) ASSERT_TRUE(clients[i].send(get(fmt::format("/{}", i))));
  for (int i = 0; i < kClients; ++i) {
    std::string wanted;
    for (int chunk = 0; chunk < kChunks; ++chunk) wanted += fmt::format("/{}:{}\n", i, chunk);
    const HttpAnswer answer = clients[i].answer();
    ASSERT_TRUE(answer.is_whole) << i;
    ASSERT_EQ(answer.body, wanted);
  }
  EXPECT_EQ(crowd.gone(), 0);
  EXPECT_EQ(server->stats().open_connections, 256u);
}

TEST(HttpCrowd, stops_under_load_while_clients_come_and_go) {
  Crowd crowd(1 << 30);
  HttpOptions options;
  options.io_threads = 2;
  TestServer server(options, [&](HttpRequest request, std::shared_ptr<HttpReply> reply) {
    crowd.add(std::move(request), std::move(reply));
  });
  std::vector<std::thread> visitors;
  std::atomic<int> visits = 0;
  for (int i = 0; i < 4; ++i) {
    visitors.emplace_back([&, i] {
      for (int round = 0;; ++round) {
        TestClient client = server.connect();
        if (!client.connected() || !client.send(get("/")) || !client.receive()) return;
        ++visits;
        if ((round + i) % 3 == 0) client.reset();
        if ((round + i) % 3 == 1) client.receive();
      }
    });
  }
  EXPECT_TRUE(soon([&] { return visits > 100; }));
  const auto start = Clock::now();
  server.stop(Milliseconds(50));
  EXPECT_LT(milliseconds_since(start), 10'000);
  for (std::thread& visitor : visitors) visitor.join();
  EXPECT_EQ(server->stats().open_connections, 0u);
  EXPECT_EQ(server->stats().running_replies, 0u);
  EXPECT_GE(crowd.gone(), visits);
}

}  // namespace
}  // namespace hearth
