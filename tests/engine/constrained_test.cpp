// Grammars in the engine: what is generated parses, forced text needs no model, thinking comes first, drafts change nothing.
#include "engine/grammar_shelf.h"
#include "tests/engine/many.h"

namespace hearth {
namespace {

constexpr const char* kPerson = R"({"type": "object", "properties": {"given_name": {"type": "string", "maxLength": 5},
    "likes_mushrooms": {"type": "boolean"}}, "required": ["given_name", "likes_mushrooms"], "additionalProperties": false})";

std::shared_ptr<const BoundGrammar> bound_to(Engine& engine, const std::string& schema) {
  const auto grammar = Grammar::from_json_schema(schema, Whitespace::compact);
  EXPECT_TRUE(grammar.ok()) << grammar.message();
  auto bound = engine.bind(*grammar, schema);
  EXPECT_TRUE(bound.ok()) << bound.message();
  return *bound;
}

Request constrained(Engine& engine, uint64_t seed) {
  Request request = asking(counted_ids(12), 200, seed);
  request.ignore_end = false;
  request.grammar = bound_to(engine, kPerson);
  return request;
}

void expect_person(const Told& told) {
  EXPECT_EQ(told.finish, Finish::end) << told.error;
  const auto json = parse_json(told.text, "test");
  ASSERT_TRUE(json.ok()) << told.text;
  EXPECT_TRUE((*json)["given_name"].is_string() && (*json)["likes_mushrooms"].is_boolean()) << told.text;
}

TEST(Constrained, output_always_parses) {
  Many many = Many::open(noise(), {.pages = 200});
  std::vector<Choices> told;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Request request = constrained(many.engine, seed);
    request.choices = seed % 4 == 0 ? 2 : 1;
    told.push_back(many.submit(request));
  }
  many.finish();
  for (const Choices& one : told) {
    for (const Told& choice : *one) expect_person(choice);
  }
  EXPECT_EQ(told[5]->front().ids, many.say(constrained(many.engine, 5)).ids);
}

TEST(Constrained, forced_text_needs_no_model) {
  Many many = Many::open(noise(), {.pages = 100});
  const Told told = many.say(constrained(many.engine, 3));
  expect_person(told);
  EXPECT_GT(told.timing.forced_tokens, 4);
  EXPECT_LT(many.engine.stats().steps + 3, static_cast<int64_t>(told.ids.size()));
  Request counted = constrained(many.engine, 3);
  counted.top_logprobs = 0;                             // every token has its log-probability, so none is forced
  const Told slow = many.say(counted);
  expect_person(slow);
  EXPECT_EQ(slow.timing.forced_tokens, 0);
  EXPECT_EQ(slow.logprobs.size(), slow.ids.size());
}

TEST(Constrained, a_limit_cuts_it_off) {
  Many many = Many::open(noise(), {.pages = 100});
  Request request = constrained(many.engine, 3);
  request.max_new = 3;
  const Told told = many.say(request);
  EXPECT_EQ(told.finish, Finish::length);
  EXPECT_EQ(told.ids.size(), 3u);
  EXPECT_EQ(told.text.substr(0, 3), "{\"g");
}

TEST(Constrained, begins_after_a_marker) {
  Many probe = Many::open(noise());
  const std::vector<int32_t> thought = probe.engine.tokenizer().encode("I think so</think> and more and more and more");
  const FakeModel model = [thought](std::span<const int32_t> ids, std::span<float> logits) {
    noise()(ids, logits);
    const size_t said = ids.size() - 12;
    if (said < thought.size()) logits[static_cast<size_t>(thought[said])] = 1e6f;
    logits[2] = 2e6f;                                   // would end at once
  };
  for (const bool drafted : {false, true}) {
    Many many = Many::open(model, {.pages = 100, .speculation = drafted ? Speculation::lookup : Speculation::off});
    Request request = constrained(many.engine, 0);
    request.grammar_after = "</think>";
    const Told told = many.say(request);
    EXPECT_EQ(told.finish, Finish::end) << told.error;
    ASSERT_TRUE(told.text.starts_with("I think so</think>")) << told.text;
    Told rest = told;
    rest.text = told.text.substr(std::string("I think so</think>").size());
    expect_person(rest);
  }
}

// Wants to say `wanted` and then to end; what must come otherwise is drawn by noise.
FakeModel wanting(std::vector<int32_t> wanted) {
  return [=](std::span<const int32_t> ids, std::span<float> logits) {
    noise()(ids, logits);
    const size_t said = ids.size() - 12;
    logits[said < wanted.size() ? static_cast<size_t>(wanted[said]) : 2] = 1e6f;
  };
}

TEST(Constrained, begins_where_its_first_text_begins) {
  Many probe = Many::open(noise());
  const Tokenizer& tokenizer = probe.engine.tokenizer();
  for (const std::string said : {"I think {so {\"given nonsense", "{\"given_name\": {\"given", "no, thanks"}) {
    Many many = Many::open(wanting(tokenizer.encode(said)), {.pages = 100});
    Request request = constrained(many.engine, 0);
    request.grammar_from = "{\"given";
    Told told = many.say(request);
    EXPECT_EQ(told.finish, Finish::end) << told.error;
    const size_t at = said.find("{\"given");
    if (at == std::string::npos) {
      EXPECT_EQ(told.text, said);
      continue;
    }
    ASSERT_EQ(told.text.substr(0, at), said.substr(0, at));
    told.text = told.text.substr(at);
    expect_person(told);
  }
}

TEST(Constrained, a_marker_that_is_a_special_token_is_that_token) {
  const auto grammar = Grammar::from_gbnf("root ::= \"<|reserved|>{\" [ab]+ \"}\"");
  ASSERT_TRUE(grammar.ok()) << grammar.message();
  constexpr int32_t kMarker = 7;
  for (const bool is_shown : {true, false}) {
    Many many = Many::open(wanting({kMarker}), {.pages = 100});
    ASSERT_EQ(many.engine.tokenizer().piece(kMarker), "<|reserved|>");
    Request request = asking(counted_ids(12), 60);
    request.ignore_end = false;
    if (is_shown) request.shown_specials = {kMarker};
    request.grammar = *many.engine.bind("marker", request.shown_specials, [&] { return Result<Grammar>(*grammar); });
    request.grammar_from = is_shown ? "<|reserved|>" : "";
    const Told told = many.say(request);
    EXPECT_TRUE(told.text.starts_with("<|reserved|>{")) << told.text;
    EXPECT_EQ(told.ids[0] == kMarker, is_shown);             // else it is spelled with plain tokens
    GrammarShelf shelf(many.engine.tokenizer(), kFakeVocabulary, {2});
    const std::vector<int32_t> certain = shelf.certain_ids("<|reserved|>{\"name\": ", request.shown_specials);
    EXPECT_EQ(!certain.empty() && certain[0] == kMarker, is_shown);
  }
}

TEST(Constrained, shelf_keeps_grammars_and_certain_tokens) {
  Many many = Many::open(noise());
  const auto bound = bound_to(many.engine, kPerson);
  EXPECT_EQ(bound_to(many.engine, kPerson), bound);
  for (int i = 0; i < 70; ++i) bound_to(many.engine, fmt::format(R"({{"const": {}}})", i));
  EXPECT_NE(bound_to(many.engine, kPerson), bound);         // least recently used, it has gone
  GrammarShelf shelf(many.engine.tokenizer(), kFakeVocabulary, {2});
  const std::string text = "{\"name\": \"fox\", \"age\": ";
  std::string spelled;
  for (const int32_t id : shelf.certain_ids(text, {})) spelled += many.engine.tokenizer().bytes_of(id);
  EXPECT_GT(spelled.size(), 8u);
  EXPECT_EQ(text.substr(0, spelled.size()), spelled);
  EXPECT_LT(spelled.size(), text.size());
}

TEST(Constrained, shows_specials_where_asked) {
  Many many = Many::open(reciting({300, 3, 301}, 5), {.pages = 20});
  ASSERT_TRUE(many.engine.tokenizer().is_special(3));
  Request request = asking(counted_ids(5), 3);
  const std::string hidden = many.say(request).text;
  request.shown_specials = {3};
  const std::string shown = many.say(request).text;
  EXPECT_NE(shown.find(many.engine.tokenizer().piece(3)), std::string::npos) << shown;
  EXPECT_EQ(hidden.find(many.engine.tokenizer().piece(3)), std::string::npos);
}

}  // namespace
}  // namespace hearth
