// Fuzzes the bodies of the JSON API: whatever a client sends, a reader gives a call or an error that names its field.
//
// LINK: hearth_server
//
// The first byte chooses the reader. The endpoints run whole, over a pool that has no model to give: their readers come
// before.
#include <cstdlib>
#include <string>
#include <vector>

#include "server/endpoint.h"
#include "server/messages_fields.h"
#include "server/prompt_fields.h"
#include "server/responses_fields.h"

namespace hearth {
namespace {

void must(bool holds) {
  if (!holds) std::abort();
}

// Takes one answer, and sees that it is an error with a message.
class KeptReply : public HttpReply {
 public:
  void send(int status, std::string, std::string body, HttpHeaders) override {
    must(!answered_);
    answered_ = true;
    must(status >= 400 && status < 600);
    auto json = parse_json(body, "reply");
    must(json.ok());
    const Json& error = (*json)["error"];
    must(error.is_object() && error["message"].is_string() && !error["message"].get<std::string>().empty());
  }
  void begin_stream(int, std::string, HttpHeaders) override { std::abort(); }
  bool write(std::string_view) override { std::abort(); }
  void end() override { std::abort(); }
  bool is_gone() const override { return false; }
  void on_gone(std::function<void()>) override {}
  size_t queued_bytes() const override { return 0; }
  bool answered() const { return answered_; }

 private:
  bool answered_ = false;
};

// Endpoints that read a body, and the services that they see.
struct Api {
  Metrics metrics;
  Traces traces;
  ResponseStore responses;
  Running running;
  ModelPool models{{}, [](const std::string&, std::shared_ptr<Turn>) -> Result<std::unique_ptr<ServedModel>> {
                     return error("none");
                   }};
  Services services{.models = models,
                    .metrics = metrics,
                    .traces = traces,
                    .responses = responses,
                    .started_at = {},
                    .version = "",
                    .network = "",
                    .http_stats = [] { return HttpStats{}; },
                    .running = running,
                    .post = [](std::function<void()> work) { work(); }};
  std::vector<Endpoint> posts;

  Api() {
    responses.add("resp_1", {OrderedJson::object(), OrderedJson::array({{{"role", "user"}, {"content", "x"}}})});
    for (const Endpoint& endpoint : all_endpoints()) {
      if (std::string_view(endpoint.method) == "POST") posts.push_back(endpoint);
    }
    must(posts.size() >= 7);
  }
};

// A body that was read tells what it read without harm.
void read_again(const std::string& text, const ResponseStore& store) {
  HttpRequest request;
  request.body = text;
  auto body = read_body(request);
  if (!body) return must(body.failure().status == 400 && !body.failure().message.empty());
  if (auto read = read_messages_body(*body, MaxTokens::optional)) must(!read->call.messages.empty());
  if (auto read = read_responses_body(*body, store)) must(!dump(read->echo).empty() && read->instructions <= 1);
  Fields fields(*body);
  for (const PromptAsked& prompt : read_prompts(fields, "input", 4)) must(prompt.index() < 2);
  fields.done();
}

}  // namespace
}  // namespace hearth

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  static Api* api = new Api;
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] == 0xff) {
    read_again(text, api->responses);
    return 0;
  }
  const Endpoint& endpoint = api->posts[data[0] % api->posts.size()];
  HttpRequest request;
  request.method = "POST";
  request.path = endpoint.path;
  request.peer = "127.0.0.1:1";
  request.body = text;
  const auto reply = std::make_shared<KeptReply>();
  endpoint.answer(api->services, std::move(request), reply);
  must(reply->answered());
  return 0;
}
