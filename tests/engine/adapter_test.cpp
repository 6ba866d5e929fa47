// Adapters and embeddings: chosen by request, mixed in one batch, with prefixes of their own; what does not fit is named.
#include "engine/adapter.h"

#include "tests/engine/many.h"

namespace hearth {
namespace {

// Makes `token` the answer to everything.
Adapter saying(const std::string& name, int32_t token, int64_t rank = 2) {
  AdapterMatrix matrix{.name = "m", .rank = rank, .inputs = 5, .outputs = 3, .scale = 2, .down = {}, .up = {}};
  matrix.down.assign(static_cast<size_t>(rank * 5), 1.0f);
  matrix.up.assign(static_cast<size_t>(rank * 3), static_cast<float>(token) / 2);
  return {name, {matrix}};
}

Many open_more(EngineOptions options) {
  return Many::open(noise(), options, nullptr, fake_interface_with_more());
}

TEST(Adapters, are_chosen_by_request_in_one_batch) {
  Many many = open_more({.pages = 100, .adapters = 3, .adapter_rank = 4});
  ASSERT_TRUE(many.engine.load_adapter(saying("red", 300)).ok());
  ASSERT_TRUE(many.engine.load_adapter(saying("blue", 400, 4)).ok());
  EXPECT_EQ(many.engine.adapters(), (std::vector<std::string>{"red", "blue"}));
  std::vector<Choices> told;
  for (const char* name : {"", "red", "blue", "red"}) {
    Request request = asking(counted_ids(40), 5);
    request.adapter = name;
    told.push_back(many.submit(request));
  }
  many.finish();
  EXPECT_EQ(told[0]->front().ids, Many::open(noise()).say(asking(counted_ids(40), 5)).ids);
  EXPECT_EQ(told[1]->front().ids, std::vector<int32_t>(5, 300));
  EXPECT_EQ(told[2]->front().ids, std::vector<int32_t>(5, 400));
  EXPECT_EQ(told[3]->front().ids, told[1]->front().ids);
  EXPECT_EQ(told[2]->front().timing.reused_tokens, 0);  // the same prompt, another adapter: nothing is shared
  EXPECT_GT(told[3]->front().timing.reused_tokens, 0);
}

TEST(Adapters, that_do_not_fit_are_named) {
  Many many = open_more({.pages = 100, .adapters = 1, .adapter_rank = 4});
  const auto refusal = [&](const Adapter& adapter) {
    const auto done = many.engine.load_adapter(adapter);
    return done.ok() ? "" : done.message();
  };
  EXPECT_NE(refusal(saying("big", 1, 5)).find("'m': got rank 5, want 1 to 4"), std::string::npos);
  Adapter other = saying("other", 1);
  other.matrices[0].name = "model.nowhere";
  EXPECT_NE(refusal(other).find("no such matrix"), std::string::npos);
  other = saying("other", 1);
  other.matrices[0].inputs = 6;
  EXPECT_NE(refusal(other).find("got 6 inputs and 3 outputs, want 5 and 3"), std::string::npos);
  EXPECT_EQ(refusal(saying("fits", 1)), "");
  EXPECT_NE(refusal(saying("fits", 1)).find("no other has"), std::string::npos);
  EXPECT_NE(refusal(saying("more", 1)).find("room for 1"), std::string::npos);
  Request request = asking(counted_ids(4), 1);
  request.adapter = "gone";
  EXPECT_NE(many.submit(request)->front().error.find("there are: fits"), std::string::npos);
  Many plain = Many::open(noise());
  EXPECT_FALSE(plain.engine.load_adapter(saying("red", 1)).ok());
}

TEST(Embeddings, are_pooled_over_chunks) {
  Many many = open_more({.chunk = 16, .pages = 100});
  Request request = asking(counted_ids(50), 0);
  double sum = 0;
  for (const int32_t id : request.prompt) sum += id;
  for (const auto& [pooling, want] : {std::pair{Pooling::mean, sum / 50}, std::pair{Pooling::last, 1.0 * request.prompt.back()},
                                      std::pair{Pooling::cls, 1.0 * request.prompt.front()}}) {
    request.pooling = pooling;
    const Choices beside = many.submit(asking(counted_ids(30, 9), 20));
    const Choices again = many.submit(request);
    const Told told = many.say(request);
    EXPECT_EQ(told.finish, Finish::end) << told.error;
    ASSERT_EQ(told.embedding.size(), 4u);
    for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(told.embedding[i], want + 10000.0 * static_cast<double>(i), 0.01);
    EXPECT_EQ(again->front().embedding, told.embedding);
    EXPECT_EQ(beside->front().ids.size(), 20u);
    EXPECT_TRUE(told.ids.empty());
  }
  Many plain = Many::open(noise());
  EXPECT_NE(plain.submit(request)->front().error.find("without hidden states"), std::string::npos);
}

}  // namespace
}  // namespace hearth
