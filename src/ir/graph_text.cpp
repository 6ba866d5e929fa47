// Graphs as text and back: one node a line, `%3 = matmul(%1, %2) {scheme = "q4_0"} : f32 [tokens, 2048]`.
#include <charconv>
#include <cmath>

#include "ir/graph.h"

namespace hearth {
namespace {

// In quotes; quotes, backslashes and bytes that would end or change the line as \", \\ and \x0a.
std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') result += std::string("\\") + c;
    else if (static_cast<unsigned char>(c) < 0x20) result += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    else result += c;
  }
  return result + "\"";
}

std::string print_attr(const Attr& attr) {
  if (const auto* i = std::get_if<int64_t>(&attr)) return std::to_string(*i);
  if (const auto* d = std::get_if<double>(&attr)) return fmt::format("{}r", *d);
  if (const auto* s = std::get_if<std::string>(&attr)) return quoted(*s);
  std::string text = "[";
  for (double d : std::get<std::vector<double>>(attr)) text += fmt::format("{}{}r", text.size() > 1 ? ", " : "", d);
  return text + "]";
}

// A cursor over one line of a graph's text.
class Line {
 public:
  Line(std::string_view text, int number) : text_(text), number_(number) {}

  void skip() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  bool take(std::string_view what) {
    skip();
    if (text_.substr(at_, what.size()) != what) return false;
    at_ += what.size();
    return true;
  }
  bool done() {
    skip();
    return at_ == text_.size();
  }
  std::string_view until(std::string_view stops) {
    skip();
    const size_t begin = at_;
    int depth = 0;
    while (at_ < text_.size() && (depth > 0 || stops.find(text_[at_]) == std::string_view::npos)) {
      depth += text_[at_] == '(' ? 1 : text_[at_] == ')' ? -1 : 0;
      ++at_;
    }
    size_t end = at_;
    while (end > begin && text_[end - 1] == ' ') --end;
    return text_.substr(begin, end - begin);
  }
  Result<std::string> quoted() {              // after the opening quote
    std::string result;
    while (at_ < text_.size() && text_[at_] != '"') {
      if (text_[at_] != '\\') {
        result += text_[at_++];
        continue;
      }
      const std::string_view rest = text_.substr(at_ + 1);
      unsigned byte = 0;
      if (rest.starts_with('"') || rest.starts_with('\\')) {
        result += rest[0];
        at_ += 2;
      } else if (rest.size() >= 3 && rest[0] == 'x' &&
                 std::from_chars(&rest[1], &rest[1] + 2, byte, 16).ptr == &rest[1] + 2) {
        result += static_cast<char>(byte);
        at_ += 4;
      } else {
        return wrong("'\\\"', '\\\\' or '\\x' and two digits");
      }
    }
    if (at_ == text_.size()) return wrong("a closing '\"'");
    ++at_;
    return result;
  }
  Error wrong(const char* want) const { return error("graph: line {}, column {}: want {}", number_, at_ + 1, want); }

 private:
  std::string_view text_;
  size_t at_ = 0;
  int number_;
};

Result<Attr> parse_scalar(Line& line) {
  if (line.take("\"")) {
    TRY(std::string text, line.quoted());
    return Attr(text);
  }
  const std::string word(line.until(",]}"));
  if (word.empty()) return line.wrong("an attribute value");
  if (word.back() == 'r') {
    char* end = nullptr;
    const double value = std::strtod(word.c_str(), &end);
    if (end != word.c_str() + word.size() - 1) return line.wrong("a real number");
    return Attr(value);
  }
  int64_t value = 0;
  const auto [end, failed] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (failed != std::errc() || end != word.data() + word.size()) return line.wrong("an integer");
  return Attr(value);
}

Result<Attr> parse_attr(Line& line) {
  if (!line.take("[")) return parse_scalar(line);
  std::vector<double> values;
  while (!line.take("]")) {
    TRY(Attr value, parse_scalar(line));
    if (const auto* real = std::get_if<double>(&value)) values.push_back(*real);
    else return line.wrong("a real number");
    if (line.take("]")) break;
    if (!line.take(",")) return line.wrong("',' or ']'");
  }
  return Attr(values);
}

Result<TensorType> parse_type(Line& line) {
  TensorType type;
  const auto dtype = dtype_of(line.until(" ["));
  if (!dtype) return line.wrong("an element type");
  type.dtype = *dtype;
  if (!line.take("[")) return line.wrong("'['");
  while (!line.take("]")) {
    TRY(Dim dim, parse_dim(line.until(",]")));
    type.shape.push_back(dim);
    if (line.take("]")) break;
    if (!line.take(",")) return line.wrong("',' or ']'");
  }
  return type;
}

Result<Value> parse_value(Line& line) {
  if (!line.take("%")) return line.wrong("'%'");
  const std::string word(line.until(" ,)=\n"));
  Value value = 0;
  const auto [end, failed] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (failed != std::errc() || end != word.data() + word.size() || value < 0) return line.wrong("a value number");
  return value;
}

Result<Done> parse_node(Line& line, Graph& graph) {
  TRY(Value number, parse_value(line));
  if (number != static_cast<Value>(graph.nodes.size())) return line.wrong("the next value number");
  if (!line.take("=")) return line.wrong("'='");
  Node node;
  node.op = std::string(line.until("("));
  if (!line.take("(")) return line.wrong("'('");
  while (!line.take(")")) {
    TRY(Value arg, parse_value(line));
    if (arg >= number) return line.wrong("an operand that comes before");
    node.args.push_back(arg);
    if (line.take(")")) break;
    if (!line.take(",")) return line.wrong("',' or ')'");
  }
  if (line.take("{")) {
    while (!line.take("}")) {
      const std::string name(line.until(" ="));
      if (!line.take("=")) return line.wrong("'='");
      TRY(Attr value, parse_attr(line));
      node.attrs[name] = value;
      if (line.take("}")) break;
      if (!line.take(",")) return line.wrong("',' or '}'");
    }
  }
  if (!line.take(":")) return line.wrong("':'");
  TRY(node.type, parse_type(line));
  if (!line.done()) return line.wrong("the end of the line");
  graph.nodes.push_back(std::move(node));
  return Done{};
}

// A line without its comment; '#' in quotes is none.
std::string_view without_comment(std::string_view line) {
  bool inside = false;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '#' && !inside) return line.substr(0, i);
    if (line[i] == '\\' && inside) ++i;
    else if (line[i] == '"') inside = !inside;
  }
  return line;
}

Result<Done> parse_line(Line& line, Graph& graph) {
  if (line.take("size ")) {
    SizeDecl size;
    size.name = std::string(line.until(" "));
    if (!line.take("in [")) return line.wrong("'in ['");
    TRY(Attr low, parse_scalar(line));
    if (!line.take(",")) return line.wrong("','");
    TRY(Attr high, parse_scalar(line));
    if (!std::holds_alternative<int64_t>(low) || !std::holds_alternative<int64_t>(high)) return line.wrong("integers");
    size.at_least = std::get<int64_t>(low);
    size.at_most = std::get<int64_t>(high);
    graph.sizes.push_back(size);
    return Done{};
  }
  if (line.take("output ")) {
    Output output;
    output.name = std::string(line.until(" ="));
    if (!line.take("=")) return line.wrong("'='");
    TRY(output.value, parse_value(line));
    if (static_cast<size_t>(output.value) >= graph.nodes.size()) return line.wrong("a value that exists");
    graph.outputs.push_back(output);
    return Done{};
  }
  return parse_node(line, graph);
}

}  // namespace

std::string print(const TensorType& type) {
  std::string text = std::string(name_of(type.dtype)) + " [";
  for (size_t i = 0; i < type.shape.size(); ++i) text += (i ? ", " : "") + type.shape[i].text();
  return text + "]";
}

std::string print(const Graph& graph) {
  std::string text;
  for (const SizeDecl& size : graph.sizes)
    text += fmt::format("size {} in [{}, {}]\n", size.name, size.at_least, size.at_most);
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    text += fmt::format("%{} = {}(", i, node.op);
    for (size_t a = 0; a < node.args.size(); ++a) text += fmt::format("{}%{}", a ? ", " : "", node.args[a]);
    text += ")";
    bool first = true;
    for (const auto& [name, attr] : node.attrs) {
      text += fmt::format("{}{} = {}", first ? " {" : ", ", name, print_attr(attr));
      first = false;
    }
    text += fmt::format("{} : {}\n", first ? "" : "}", print(node.type));
  }
  for (const Output& output : graph.outputs) text += fmt::format("output {} = %{}\n", output.name, output.value);
  return text;
}

Result<Graph> parse_graph(std::string_view text) {
  Graph graph;
  int number = 0;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view content = without_comment(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    Line line(content, ++number);
    if (line.done()) continue;
    TRY_DONE(parse_line(line, graph));
  }
  return graph;
}

}  // namespace hearth
