// Hearth's C API with C++ types: owning handles, strings, functions; nothing more. C++20, standard library only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hearth.h"

namespace hearth::api {

// A value, or the line of hearth_last_error().
template <class T>
struct Answer {
  std::optional<T> value;
  std::string error;

  explicit operator bool() const { return value.has_value(); }
  T& operator*() { return *value; }
  T* operator->() { return &*value; }
};

using OnProgress = std::function<void(std::string_view stage, double done, double total)>;
// Returns false to stop the answer.
using OnText = std::function<bool(std::string_view text, const int32_t* ids, size_t count)>;

namespace detail {

inline void progress(void* user, const char* stage, double done, double total) {
  (*static_cast<const OnProgress*>(user))(stage, done, total);
}
inline int text(void* user, const char* text, size_t bytes, const int32_t* ids, size_t count) {
  return (*static_cast<const OnText*>(user))({text, bytes}, ids, count) ? 0 : 1;
}
template <class T>
Answer<T> failure() {
  return {std::nullopt, hearth_last_error()};
}
// call(&text) of a function that gives text.
template <class Call>
Answer<std::string> text_of(const Call& call) {
  char* text = nullptr;
  if (call(&text) != 0) return failure<std::string>();
  const std::unique_ptr<char, decltype(&hearth_free_text)> owned(text, hearth_free_text);
  return {std::string(text), ""};
}

}  // namespace detail

inline Answer<std::string> locate(const std::string& options) {
  return detail::text_of([&](char** text) { return hearth_locate(options.c_str(), text); });
}
inline Answer<bool> bake(const std::string& options, const OnProgress& on_progress = {}) {
  OnProgress kept = on_progress;
  if (hearth_bake(options.c_str(), kept ? detail::progress : nullptr, &kept) != 0) return detail::failure<bool>();
  return {true, ""};
}
inline Answer<std::string> show(const std::string& options) {
  return detail::text_of([&](char** text) { return hearth_show(options.c_str(), text); });
}
inline Answer<std::string> doctor(const std::string& options) {
  return detail::text_of([&](char** text) { return hearth_doctor(options.c_str(), text); });
}
inline Answer<std::string> tokenizer_call(const std::string& path, const std::string& request) {
  return detail::text_of([&](char** text) { return hearth_tokenizer_call(path.c_str(), request.c_str(), text); });
}
inline Answer<std::string> template_render(const std::string& path, const std::string& request) {
  return detail::text_of([&](char** text) { return hearth_template_render(path.c_str(), request.c_str(), text); });
}

class Model {
 public:
  static Answer<Model> open(const std::string& options, const OnProgress& on_progress = {}) {
    OnProgress kept = on_progress;
    hearth_model* model = nullptr;
    if (hearth_open(options.c_str(), kept ? detail::progress : nullptr, &kept, &model) != 0) return detail::failure<Model>();
    Answer<Model> answer;
    answer.value.emplace(Model(model));
    return answer;
  }

  hearth_model* get() const { return model_.get(); }
  void cancel() const { hearth_cancel(get()); }
  void reset() const { hearth_reset(get()); }
  Answer<std::string> describe() const {
    return detail::text_of([&](char** text) { return hearth_describe(get(), text); });
  }
  Answer<std::string> profile(bool on) const {
    return detail::text_of([&](char** text) { return hearth_profile(get(), on ? 1 : 0, text); });
  }
  Answer<std::string> step_times(const std::string& request) const {
    return detail::text_of([&](char** text) { return hearth_step_times(get(), request.c_str(), text); });
  }
  Answer<std::string> generate(const std::string& request, const OnText& on_text = {}) const {
    OnText kept = on_text;
    return detail::text_of([&](char** text) {
      return hearth_generate(get(), request.c_str(), kept ? detail::text : nullptr, &kept, text);
    });
  }
  Answer<std::vector<int32_t>> tokenize(std::string_view text, bool specials) const {
    int32_t* ids = nullptr;
    size_t count = 0;
    if (hearth_tokenize(get(), text.data(), text.size(), specials, &ids, &count) != 0) {
      return detail::failure<std::vector<int32_t>>();
    }
    const std::unique_ptr<int32_t, decltype(&hearth_free_ids)> owned(ids, hearth_free_ids);
    return {std::vector<int32_t>(ids, ids + count), ""};
  }
  // [ids.size(), vocabulary]
  Answer<std::vector<float>> logits(const std::vector<int32_t>& ids, size_t vocabulary) const {
    std::vector<float> out(ids.size() * vocabulary);
    if (hearth_logits(get(), ids.data(), ids.size(), out.data()) != 0) return detail::failure<std::vector<float>>();
    return {std::move(out), ""};
  }
  Answer<double> nll(const int32_t* ids, size_t count) const {
    double sum = 0;
    if (hearth_nll(get(), ids, count, &sum) != 0) return detail::failure<double>();
    return {sum, ""};
  }

 private:
  explicit Model(hearth_model* model) : model_(model, hearth_close) {}
  std::unique_ptr<hearth_model, decltype(&hearth_close)> model_;
};

class Server {
 public:
  static Answer<Server> open(const std::string& options, const OnProgress& on_progress = {}) {
    Server made;
    made.progress_ = std::make_unique<OnProgress>(on_progress);          // models are loaded later too
    hearth_server* server = nullptr;
    if (hearth_serve(options.c_str(), on_progress ? detail::progress : nullptr, made.progress_.get(), &server) != 0) {
      return detail::failure<Server>();
    }
    made.server_.reset(server);
    return {std::move(made), ""};
  }
  int port() const { return hearth_server_port(server_.get()); }
  Answer<bool> run() {
    if (hearth_server_run(server_.get()) != 0) return detail::failure<bool>();
    return {true, ""};
  }
  void stop() { hearth_server_stop(server_.get()); }

 private:
  std::unique_ptr<OnProgress> progress_;
  std::unique_ptr<hearth_server, decltype(&hearth_server_close)> server_{nullptr, hearth_server_close};
};

}  // namespace hearth::api
