// Turns tags into JSON: strings are streamed, other values go out whole.
#include "text/tool_parameters.h"

#include <algorithm>
#include <utility>

namespace hearth {
namespace {

constexpr size_t kMaxKey = 256;

// Templates show past calls as Python prints their values, and models repeat it.
constexpr std::pair<const char*, const char*> kPythonWords[] = {{"True", "true"}, {"False", "false"}, {"None", "null"}};

bool is_space(char byte) { return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r'; }

// The text as it stands between the quotes of a JSON string.
std::string escaped(const std::string& text) {
  const std::string quoted = dump(Json(text));
  return quoted.substr(1, quoted.size() - 2);
}

// How many of the last bytes of `text` may begin `tag`.
size_t tail_of(std::string_view text, std::string_view tag) {
  for (size_t size = std::min(text.size(), tag.size()); size > 0; --size)
    if (text.substr(text.size() - size) == tag.substr(0, size)) return size;
  return 0;
}

bool is_text_schema(const Json& schema) {
  if (!schema.is_object()) return false;
  if (const auto type = schema.find("type"); type != schema.end()) return *type == "string";
  if (const auto only = schema.find("const"); only != schema.end()) return only->is_string();
  const auto one_of = schema.find("enum");
  return one_of != schema.end() && one_of->is_array() &&
         std::all_of(one_of->begin(), one_of->end(), [](const Json& value) { return value.is_string(); });
}

}  // namespace

ParameterKind kind_of_parameter(const Json& parameters, const std::string& key) {
  if (!parameters.is_object() || !has(parameters, "properties")) return ParameterKind::unknown;
  const Json& properties = parameters["properties"];
  if (!properties.is_object() || !properties.contains(key)) return ParameterKind::unknown;
  const Json& schema = properties[key];
  if (is_text_schema(schema)) return ParameterKind::text;
  return schema.is_object() && schema.contains("type") && schema["type"].is_string() ? ParameterKind::json
                                                                                     : ParameterKind::unknown;
}

Progress ParametersPart::take(char byte, CallSink& sink) {
  switch (at_) {
    case At::between:
      return take_between(byte, sink);
    case At::in_key:
      return take_key(byte, sink);
    case At::before_value:
      if (held_.empty() && is_space(byte)) return Progress::more;
      held_ += byte;
      if (!tags_.value_open.starts_with(held_)) return Progress::failed;
      if (held_ == tags_.value_open) begin_value(sink);
      return Progress::more;
    default:
      return take_value(byte, sink);
  }
}

Progress ParametersPart::take_between(char byte, CallSink& sink) {
  if (held_.empty() && is_space(byte)) return Progress::more;
  held_ += byte;
  if (held_ != tags_.open && held_ != tags_.end)
    return tags_.open.starts_with(held_) || tags_.end.starts_with(held_) ? Progress::more : Progress::failed;
  if (!is_told_) {
    sink.begin_call(name_);
    sink.arguments("{");
    is_told_ = true;
  }
  if (held_ == tags_.end) {
    sink.arguments("}");
    sink.end_call();
    return Progress::done;
  }
  held_.clear();
  at_ = At::in_key;
  return Progress::more;
}

Progress ParametersPart::take_key(char byte, CallSink& sink) {
  held_ += byte;
  if (!held_.ends_with(tags_.key_end)) return held_.size() > kMaxKey ? Progress::failed : Progress::more;
  const std::string key = held_.substr(0, held_.size() - tags_.key_end.size());
  kind_ = kind_of_parameter(schema_, key);
  sink.arguments((count_++ ? ", \"" : "\"") + escaped(key) + "\": ");
  held_.clear();
  at_ = At::before_value;
  if (tags_.value_open.empty()) begin_value(sink);
  return Progress::more;
}

void ParametersPart::begin_value(CallSink& sink) {
  held_.clear();
  value_began_ = false;
  at_ = At::in_value;
  if (kind_ == ParameterKind::text) sink.arguments("\"");
}

Progress ParametersPart::take_value(char byte, CallSink& sink) {
  const bool first = !std::exchange(value_began_, true);
  if (first && byte == '\n' && tags_.value_on_lines) return Progress::more;
  held_ += byte;
  if (held_.ends_with(tags_.close)) {
    held_.resize(held_.size() - tags_.close.size());
    end_value(sink);
  } else if (kind_ == ParameterKind::text) {
    tell_text(tail_of(held_, tags_.close), sink);
  }
  return Progress::more;
}

// Tells all but the last `hold` bytes, which may be the tag; nor the line break before it, nor half a character.
void ParametersPart::tell_text(size_t hold, CallSink& sink) {
  size_t size = held_.size() - hold;
  if (tags_.value_on_lines && size > 0 && held_[size - 1] == '\n') --size;
  size_t start = size;
  while (start > 0 && size - start < 4 && (held_[start - 1] & 0xC0) == 0x80) --start;
  if (start > 0 && size - start < 4) {
    const auto lead = static_cast<unsigned char>(held_[start - 1]);
    const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    if (length > size - start + 1) size = start - 1;
  }
  if (size == 0) return;
  sink.arguments(escaped(held_.substr(0, size)));
  held_.erase(0, size);
}

void ParametersPart::end_value(CallSink& sink) {
  if (tags_.value_on_lines && held_.ends_with('\n')) held_.pop_back();
  at_ = At::between;
  if (kind_ == ParameterKind::text) {
    sink.arguments(escaped(held_) + "\"");
  } else {
    for (const auto& [written, meant] : kPythonWords)
      if (held_ == written) held_ = meant;
    sink.arguments(Json::accept(held_) ? held_ : dump(Json(held_)));
  }
  held_.clear();
}

}  // namespace hearth
