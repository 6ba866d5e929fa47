// Chat: a conversation with an opened model, on a terminal or as one shot.
#pragma once

#include "cli.h"

namespace cli {

class Chat {
 public:
  // `request`: the sampling keys each answer is asked with.
  Chat(hearth::api::Model model, Json request, const Surroundings& surroundings);

  void set_system(const std::string& text);
  void set_raw() { raw_ = true; }                // no template: the prompt goes on as it is
  const hearth::api::Model& model() const { return model_; }
  bool has_template() const { return has_template_; }

  // Streams one answer to stdout; an exit code.
  int answer(const std::string& prompt);
  // Reads prompts from the terminal until its end; an exit code.
  int converse();

 private:
  enum class Next { go_on, leave };
  Next command(const std::string& line);
  bool save(const std::string& path) const;
  void reset();
  void print_stats() const;

  hearth::api::Model model_;
  Json request_, description_;
  Json messages_ = Json::array();
  Json stats_;                                   // of the last answer
  size_t kept_ = 0;                              // messages a reset keeps
  bool raw_ = false, has_template_ = false, color_ = false;
};

}  // namespace cli
