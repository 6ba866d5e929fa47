// A call whose parameters are tags with plain text in them, turned into JSON arguments byte by byte.
#pragma once

#include "base/json.h"
#include "text/tool_format.h"
#include "text/tool_json.h"

namespace hearth {

enum class ParameterKind {
  text,     // a string by its schema: what stands there, as it is
  json,     // never a string: JSON of that kind, or else the text
  unknown,  // JSON if it is JSON, or else the text
};

// What the schema of a tool's parameters says of one of them.
ParameterKind kind_of_parameter(const Json& parameters, const std::string& key);

class ParametersPart : public CallPart {
 public:
  ParametersPart(std::string name, const ParameterTags& tags, Json schema)
      : name_(std::move(name)), tags_(tags), schema_(std::move(schema)) {}
  Progress take(char byte, CallSink& sink) override;

 private:
  enum class At { between, in_key, before_value, in_value };

  Progress take_between(char byte, CallSink& sink);
  Progress take_key(char byte, CallSink& sink);
  Progress take_value(char byte, CallSink& sink);
  void begin_value(CallSink& sink);
  void tell_text(size_t hold, CallSink& sink);
  void end_value(CallSink& sink);

  std::string name_;
  ParameterTags tags_;
  Json schema_;
  At at_ = At::between;
  bool is_told_ = false;
  int count_ = 0;     // parameters so far
  std::string held_;  // a tag that has begun, a key, or a value that is not yet told
  ParameterKind kind_ = ParameterKind::unknown;
  bool value_began_ = false;  // its first byte came
};

}  // namespace hearth
