// The sampler against a slow truth in doubles, and its promises: determinism, ties, speed.
#include "engine/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <set>

namespace hearth {
namespace {

std::vector<float> noise(size_t size, float spread, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, spread);
  std::vector<float> logits(size);
  for (float& logit : logits) logit = normal(random);
  return logits;
}

// Probabilities after top-k, top-p, min-p and temperature, by sorting everything.
std::vector<double> slow_truth(const std::vector<float>& logits, const SamplerOptions& options) {
  std::vector<int32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return logits[a] > logits[b]; });
  if (options.top_k > 0) order.resize(std::min<size_t>(order.size(), options.top_k));
  const double best = logits[order[0]];
  double total = 0, sum = 0;
  for (int32_t id : order) total += std::exp(logits[id] - best);
  size_t kept = 0;
  while (kept < order.size() && sum < options.top_p * total) sum += std::exp(logits[order[kept++]] - best);
  if (options.top_p < 1) order.resize(std::max<size_t>(1, kept));
  std::erase_if(order, [&](int32_t id) { return std::exp(logits[id] - best) < options.min_p; });
  std::vector<double> chances(logits.size());
  double all = 0;
  for (int32_t id : order) all += chances[id] = std::exp((logits[id] - best) / options.temperature);
  for (double& chance : chances) chance /= all;
  return chances;
}

TEST(Sampler, is_greedy_at_temperature_zero_and_takes_the_lowest_id_on_ties) {
  SamplerOptions options;
  options.temperature = 0;
  Sampler sampler(options);
  const std::vector<float> logits = {1, 3, 2, 3, NAN};
  EXPECT_EQ(sampler.sample(logits, {}, 0), 1);
  const std::vector<float> nothing(4, -std::numeric_limits<float>::infinity());
  EXPECT_EQ(sampler.sample(nothing, {}, 0), 0);
  const std::vector<float> numbers_are_gone(4, NAN);
  EXPECT_EQ(sampler.sample(numbers_are_gone, {}, 0), 0);
}

TEST(Sampler, draws_as_often_as_the_slow_truth_says) {
  const std::vector<float> logits = noise(200, 2, 1);
  for (SamplerOptions options :
       {SamplerOptions{}, SamplerOptions{.temperature = 1.5f, .top_k = 0, .top_p = 0.9f, .min_p = 0},
        SamplerOptions{.temperature = 1, .top_k = 7, .top_p = 1, .min_p = 0},
        SamplerOptions{.temperature = 0.5f, .top_k = 0, .top_p = 1, .min_p = 0.2f},
        SamplerOptions{.temperature = 2, .top_k = 0, .top_p = 1, .min_p = 0}}) {
    const std::vector<double> want = slow_truth(logits, options);
    Sampler sampler(options);
    constexpr int kDraws = 40000;
    std::vector<int> seen(logits.size());
    for (int i = 0; i < kDraws; ++i) ++seen[sampler.sample(logits, {}, i)];
    for (size_t id = 0; id < logits.size(); ++id) {
      if (want[id] == 0) {
        EXPECT_EQ(seen[id], 0) << id;
      }
      EXPECT_NEAR(seen[id] / double{kDraws}, want[id], 5 * std::sqrt(want[id] / kDraws) + 1e-9) << id;
    }
  }
}

TEST(Sampler, keeps_exactly_k_when_all_are_equal) {
  const std::vector<float> logits(1000, 0.5f);
  Sampler sampler(SamplerOptions{.temperature = 1, .top_k = 5, .top_p = 1, .min_p = 0});
  std::set<int32_t> seen;
  for (int i = 0; i < 500; ++i) seen.insert(sampler.sample(logits, {}, i));
  EXPECT_EQ(seen, (std::set<int32_t>{0, 1, 2, 3, 4}));
}

TEST(Sampler, draws_depend_on_seed_and_step_alone) {
  const std::vector<float> logits = noise(5000, 1, 3);
  SamplerOptions options{.top_k = 0, .seed = 11};
  Sampler one(options), two(options);
  for (int i = 9; i >= 0; --i) two.sample(logits, {}, i);
  std::vector<int32_t> first, second, other;
  for (int i = 0; i < 50; ++i) first.push_back(one.sample(logits, {}, i));
  for (int i = 0; i < 50; ++i) second.push_back(two.sample(logits, {}, i));
  EXPECT_EQ(first, second);
  options.seed = 12;
  Sampler three(options);
  for (int i = 0; i < 50; ++i) other.push_back(three.sample(logits, {}, i));
  EXPECT_NE(first, other);
  EXPECT_GT(std::set<int32_t>(first.begin(), first.end()).size(), 20u);
}

TEST(Sampler, gives_the_same_tokens_on_every_machine) {
  std::vector<float> logits(3000);
  for (size_t i = 0; i < logits.size(); ++i) logits[i] = static_cast<float>(i * 7919 % 3001) / 256.0f;
  Sampler sampler(SamplerOptions{.temperature = 0.9f, .top_k = 0, .seed = 42});
  std::vector<int32_t> ids;
  for (int i = 0; i < 8; ++i) ids.push_back(sampler.sample(logits, {}, i));
  EXPECT_EQ(ids, (std::vector<int32_t>{1025, 2852, 1459, 200, 2021, 205, 587, 2204}));
}

TEST(Sampler, punishes_tokens_of_the_window) {
  SamplerOptions options;
  options.temperature = 0;
  options.repetition_penalty = 2;
  const std::vector<float> logits = {4, 3, -1, -1.5f};
  EXPECT_EQ(Sampler(options).sample(logits, std::vector<int32_t>{0}, 0), 1);
  options.penalty_window = 1;
  EXPECT_EQ(Sampler(options).sample(logits, std::vector<int32_t>{0, 1}, 0), 0);
  options = {.temperature = 0, .frequency_penalty = 0.6f};
  EXPECT_EQ(Sampler(options).sample(logits, std::vector<int32_t>{0}, 0), 0);
  EXPECT_EQ(Sampler(options).sample(logits, std::vector<int32_t>{0, 0}, 0), 1);
  options = {.temperature = 0, .presence_penalty = 1.5f};
  EXPECT_EQ(Sampler(options).sample(logits, std::vector<int32_t>{0, 9, -4}, 0), 1);
}

TEST(Sampler, adds_bias_before_everything) {
  SamplerOptions options;
  options.temperature = 0;
  options.logit_bias = {{0, -std::numeric_limits<float>::infinity()}, {2, 100}, {77, 1}, {-1, 5}};
  EXPECT_EQ(Sampler(options).sample(std::vector<float>{4, 3, -1}, {}, 0), 2);
  options.temperature = 1;
  options.logit_bias = {{0, -std::numeric_limits<float>::infinity()}};
  Sampler sampler(options);
  for (int i = 0; i < 200; ++i) EXPECT_NE(sampler.sample(std::vector<float>{4, 3, 2}, {}, i), 0);
}

TEST(Sampler, takes_infinities) {
  Sampler sampler(SamplerOptions{});
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(sampler.sample(std::vector<float>{1, infinity, 2}, {}, 0), 1);
  EXPECT_EQ(sampler.sample(std::vector<float>{}, {}, 0), 0);
}

TEST(Sampler, draws_the_best_where_the_temperature_is_next_to_nothing) {
  const std::vector<float> logits = noise(777, 3, 8);
  const auto best = static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
  for (const float temperature : {1e-3f, 1e-20f, 1e-44f}) {
    for (const int top_k : {0, 40}) {
      Sampler sampler(SamplerOptions{.temperature = temperature, .top_k = top_k, .top_p = 1, .min_p = 0});
      for (int i = 0; i < 20; ++i) EXPECT_EQ(sampler.sample(logits, {}, i), best);
    }
  }
  Sampler boiling(
      SamplerOptions{.temperature = std::numeric_limits<float>::infinity(), .top_k = 0, .top_p = 1, .min_p = 0});
  std::set<int32_t> seen;
  for (int i = 0; i < 100; ++i) seen.insert(boiling.sample(logits, {}, i));
  EXPECT_GT(seen.size(), 80u);
}

TEST(Sampler, draws_what_is_no_number_never_and_infinity_always) {
  std::vector<float> logits = noise(300, 1, 9);
  for (size_t i = 0; i < logits.size(); i += 2) logits[i] = i % 4 == 0 ? NAN : -std::numeric_limits<float>::infinity();
  for (const int top_k : {0, 40, 200}) {
    for (const float top_p : {1.0f, 0.9f}) {
      Sampler sampler(SamplerOptions{.temperature = 3, .top_k = top_k, .top_p = top_p, .min_p = 0});
      for (int i = 0; i < 300; ++i) EXPECT_EQ(sampler.sample(logits, {}, i) % 2, 1);
    }
  }
  logits[299] = std::numeric_limits<float>::infinity();
  for (const int top_k : {0, 40}) EXPECT_EQ(Sampler({.top_k = top_k, .top_p = 1}).sample(logits, {}, 0), 299);
}

TEST(Sampler, allows_only_what_the_mask_says) {
  const std::vector<float> logits = noise(1000, 2, 10);
  std::vector<uint32_t> allowed(32, 0);
  for (const int id : {3, 400, 999}) allowed[id / 32] |= 1u << (id % 32);
  for (const float top_p : {1.0f, 0.9f}) {
    for (const int top_k : {0, 2, 40}) {
      Sampler sampler(SamplerOptions{.temperature = 5, .top_k = top_k, .top_p = top_p, .min_p = 0});
      std::set<int32_t> seen;
      for (int i = 0; i < 200; ++i) seen.insert(sampler.sample(logits, {}, i, allowed));
      for (const int32_t id : seen) EXPECT_TRUE(id == 3 || id == 400 || id == 999) << id;
      EXPECT_GE(seen.size(), 2u);
    }
  }
}

// What a step gives beside its logits.
std::vector<float> peaks_of(const std::vector<float>& logits) {
  std::vector<float> peaks((logits.size() + kPeakColumns - 1) / kPeakColumns, -std::numeric_limits<float>::infinity());
  for (size_t i = 0; i < logits.size(); ++i)
    peaks[i / kPeakColumns] = logits[i] > peaks[i / kPeakColumns] ? logits[i] : peaks[i / kPeakColumns];
  return peaks;
}

// Few or many values, so that there are ties; with what is no number and infinities of either sign.
std::vector<float> odd_logits(std::mt19937& random) {
  const auto up_to = [&](unsigned most) { return random() % (most + 1); };
  const size_t size = 1 + up_to(up_to(3) == 0 ? 40 : 3000);  // one draw a statement: compilers order arguments as they like
  const float spread = 0.1f + static_cast<float>(up_to(60)) / 10;
  std::vector<float> logits = noise(size, spread, random());
  const unsigned kind = up_to(9);
  const float step = kind < 4 ? 0.5f : kind < 6 ? 2.0f : 0.0f, shift = static_cast<float>(up_to(2)) * 20 - 20;
  const float infinity = std::numeric_limits<float>::infinity(), most = std::numeric_limits<float>::max();
  const float specials[] = {NAN, -infinity, infinity, most, -most, 0.0f, -0.0f};
  for (float& logit : logits) {
    logit = (step > 0 ? std::round(logit / step) * step : logit) + shift;
    if (kind == 7 && up_to(3) == 0) logit = specials[up_to(1)];
    if (kind == 8 && up_to(20) == 0) logit = specials[up_to(6)];
    if (kind == 9 && up_to(50) > 0) logit = specials[up_to(1)];
  }
  return logits;
}

SamplerOptions odd_options(std::mt19937& random, size_t vocabulary) {
  const auto one_of = [&](auto... values) {
    const float all[] = {static_cast<float>(values)...};
    return all[random() % sizeof...(values)];
  };
  SamplerOptions options{.temperature = one_of(0, 0, 0.3, 0.8, 1, 5), .top_k = static_cast<int>(one_of(0, 1, 2, 5, 40, 40, 200)),
                         .top_p = one_of(1, 1, 0.95, 0.3), .min_p = one_of(0, 0.05, 0.05, 0.5, 1e-6), .seed = random()};
  if (random() % 3 == 0) options.repetition_penalty = one_of(1, 1.1, 2, 0.5);
  if (random() % 4 == 0) options.frequency_penalty = one_of(0, 0.5, -0.5);
  if (random() % 4 == 0) options.presence_penalty = one_of(0, 3, -3);
  options.penalty_window = static_cast<int>(one_of(64, -1, 0, 3));
  if (random() % 3 == 0) {
    for (int i = 0; i < 5; ++i)
      options.logit_bias[static_cast<int32_t>(random() % (vocabulary + 9)) - 4] =
          one_of(-std::numeric_limits<float>::infinity(), -2, 1, 30, std::numeric_limits<float>::infinity(), NAN);
  }
  return options;
}

TEST(Sampler, draws_the_same_with_peaks_and_without) {
  std::mt19937 random(7);
  for (int round = 0; round < 20000; ++round) {
    const std::vector<float> logits = odd_logits(random), peaks = peaks_of(logits);
    const SamplerOptions options = odd_options(random, logits.size());
    std::vector<int32_t> history(random() % 100);
    for (int32_t& id : history) id = static_cast<int32_t>(random() % (logits.size() + 2)) - 1;
    std::vector<uint32_t> allowed(random() % 3 == 0 ? (logits.size() + 31) / 32 : 0);
    const unsigned kind = random() % 4;
    for (uint32_t& word : allowed) word = kind == 0 ? ~0u : kind == 1 ? ~(1u << random() % 32) : kind == 2 ? random() : random() % 20 == 0;
    Sampler sampler(options);
    for (uint64_t step = 0; step < 3; ++step) {
      const int32_t want = sampler.sample(logits, history, step, allowed);
      ASSERT_EQ(sampler.sample(Logits{logits, peaks, 1}, history, step, allowed), want)
          << "round " << round << ": " << logits.size() << " logits, temperature " << options.temperature << ", top-k "
          << options.top_k << ", top-p " << options.top_p << ", min-p " << options.min_p << ", mask " << !allowed.empty();
      ASSERT_EQ(sampler.sample(Logits{logits, {}, 1}, history, step, allowed), want);
    }
  }
}

// Peaks that say where the best are lead there, and nowhere else.
TEST(Sampler, looks_only_where_peaks_lead) {
  std::vector<float> logits = noise(4096, 1, 12);
  const std::vector<float> true_peaks = peaks_of(logits);
  std::vector<float> peaks(true_peaks.size(), -9);
  peaks[100] = true_peaks[100];
  const auto first = logits.begin() + 1600;
  const auto best = static_cast<int32_t>(std::max_element(first, first + 16) - logits.begin());
  EXPECT_EQ(Sampler({.temperature = 0}).sample(Logits{logits, peaks, 1}, {}, 0), best);
  Sampler min_p({.temperature = 1, .top_k = 0, .top_p = 1, .min_p = 0.05f}), top_k({.temperature = 1, .top_k = 1, .top_p = 1});
  for (int i = 0; i < 50; ++i) EXPECT_EQ(min_p.sample(Logits{logits, peaks, 1}, {}, i) / 16, 100);
  EXPECT_EQ(top_k.sample(Logits{logits, peaks, 1}, {}, 0), best);
  EXPECT_EQ(Sampler({.temperature = 0, .logit_bias = {{7, 50}}}).sample(Logits{logits, peaks, 1}, {}, 0), 7);
}

TEST(Sampler, keeps_the_lowest_ids_of_equal_distances_whatever_bounds_them) {
  std::vector<float> logits(512, -30.0f);
  logits[0] = 20;
  logits[17] = std::nextafter(1.0f, 0.0f);       // as far below 20 as 1 is, once rounded
  logits[40] = 1;
  ASSERT_EQ(logits[0] - logits[17], logits[0] - logits[40]);
  const std::vector<float> peaks = peaks_of(logits);
  Sampler sampler({.temperature = 1e6f, .top_k = 2, .top_p = 1, .min_p = 0});
  std::set<int32_t> seen;
  for (int i = 0; i < 100; ++i) {
    seen.insert(sampler.sample(logits, {}, i));
    seen.insert(sampler.sample(Logits{logits, peaks, 1}, {}, i));
  }
  EXPECT_EQ(seen, (std::set<int32_t>{0, 17}));
}

TEST(Logits, are_cut_by_rows) {
  const std::vector<float> values = {1, 2, 3, 4, 5, 6}, peaks = {2, 4, 6};
  const Logits all{values, peaks, 3};
  EXPECT_EQ(all.row(1).values[0], 3);
  EXPECT_EQ(all.row(1).peaks[0], 4);
  EXPECT_EQ(all.last(2).values.size(), 4u);
  EXPECT_EQ(all.last(2).row(1).peaks[0], 6);
  EXPECT_TRUE(Logits{}.part(0, 0).values.empty());
}

TEST(Sampler, is_quick_on_a_large_vocabulary) {
  for (SamplerOptions options :
       {SamplerOptions{}, SamplerOptions{.top_k = 0}, SamplerOptions{.top_k = 0, .top_p = 1, .min_p = 0}}) {
    const std::vector<float> logits = noise(131072, 3, 5), peaks = peaks_of(logits);
    Sampler sampler(options);
    double best = 1e9;
    for (int i = 0; i < 20; ++i) {
      const auto start = std::chrono::steady_clock::now();
      sampler.sample(logits, {}, i);
      best =
          std::min(best, std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
    }
    double by_peaks = 1e9;
    for (int i = 0; i < 20; ++i) {
      const auto start = std::chrono::steady_clock::now();
      sampler.sample(Logits{logits, peaks, 1}, {}, i);
      by_peaks = std::min(by_peaks,
                          std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
    }
    RecordProperty("best_ms", std::to_string(best));
    RecordProperty("best_ms_by_peaks", std::to_string(by_peaks));
    std::printf("by peaks: %.4f ms\n", by_peaks);
    std::printf("top_k %d top_p %.2f min_p %.2f: %.3f ms\n", options.top_k, options.top_p, options.min_p, best);
#ifdef NDEBUG
    EXPECT_LT(best, 5) << "top_k " << options.top_k;  // 1 ms on a quiet machine
#endif
  }
}

}  // namespace
}  // namespace hearth
