// The machine that walks a format's tables over the text as it comes.
#include "text/message.h"

#include <algorithm>

#include "base/check.h"
#include "text/message_sink.h"
#include "text/tool_parameters.h"

namespace hearth {
namespace {

// Bounds of what an edge may look at before it is certain.
constexpr size_t kMaxSpace = 64, kMaxName = 128, kMaxThrough = 160;

bool is_space(char byte) { return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r'; }
bool is_word_byte(char byte) {
  return !is_space(byte) && std::string_view("\"'<>[]{}(),;=").find(byte) == std::string_view::npos;
}

// What the states' names in the tables stand for, found once.
struct Edge {
  const ToolEdge* table;
  size_t next;
  bool is_call;
};
struct Node {
  Outside outside;
  std::vector<Edge> edges;
  std::string firsts;  // bytes with which an edge may begin (in states that pass text on)
};

enum class Match { yes, no, more };
struct Matched {
  Match match;
  size_t end = 0;
  std::string name;
};

// Takes a row of items from `text`. `more`: what follows decides.
class Matcher {
 public:
  Matcher(std::string_view text, bool is_all, const MessageSink& sink) : text_(text), is_all_(is_all), sink_(sink) {}

  Matched match(const std::vector<ToolItem>& items) {
    for (const ToolItem& item : items)
      if (const Match match = take(item); match != Match::yes) return {match, 0, {}};
    return {Match::yes, at_, std::move(name_)};
  }

 private:
  Match out_of_text() const { return is_all_ ? Match::no : Match::more; }

  Match take(const ToolItem& item) {
    switch (item.kind) {
      case ToolItem::Kind::literal:
        return take_literal(item.text);
      case ToolItem::Kind::space:
        return take_space();
      case ToolItem::Kind::name:
      case ToolItem::Kind::word:
        return take_word(item.kind);
      case ToolItem::Kind::through:
        return take_through(item.text);
      case ToolItem::Kind::call:
      case ToolItem::Kind::arguments:
        if (const Match space = take_space(); space != Match::yes) return space;
        if (at_ == text_.size()) return Match::no;
        return text_[at_] == '{' ? Match::yes : Match::no;
      default:
        return Match::yes;  // parameters: their reader looks at them
    }
  }

  Match take_literal(std::string_view wanted) {
    const std::string_view here = text_.substr(at_, wanted.size());
    if (!wanted.starts_with(here)) return Match::no;
    if (here.size() < wanted.size()) return out_of_text();
    at_ += wanted.size();
    return Match::yes;
  }

  Match take_space() {
    size_t end = at_;
    while (end < text_.size() && is_space(text_[end])) ++end;
    if (end - at_ > kMaxSpace) return Match::no;
    if (end == text_.size() && !is_all_) return Match::more;
    at_ = end;
    return Match::yes;
  }

  Match take_word(ToolItem::Kind kind) {
    size_t end = at_;
    while (end < text_.size() && is_word_byte(text_[end])) ++end;
    if (end - at_ > kMaxName) return Match::no;
    const std::string_view word = text_.substr(at_, end - at_);
    const bool is_name = kind == ToolItem::Kind::name;
    if (is_name && !sink_.is_start_of_offered(word)) return Match::no;
    if (end == text_.size()) return out_of_text();
    if (word.empty() || (is_name && !sink_.is_offered(word))) return Match::no;
    if (is_name) name_ = word;
    at_ = end;
    return Match::yes;
  }

  Match take_through(std::string_view wanted) {
    const std::string_view window = text_.substr(at_, kMaxThrough);
    const size_t found = window.find(wanted);
    if (found == std::string_view::npos) return window.size() == kMaxThrough ? Match::no : out_of_text();
    at_ += found + wanted.size();
    return Match::yes;
  }

  std::string_view text_;
  bool is_all_;
  const MessageSink& sink_;
  size_t at_ = 0;
  std::string name_;
};

bool streams(const ToolEdge& edge) {
  const auto kind = edge.items.back().kind;
  return kind == ToolItem::Kind::call || kind == ToolItem::Kind::arguments || kind == ToolItem::Kind::parameters;
}

// The tables of a format together with those of reasoning.
std::vector<ToolState> states_of(const ToolFormat& format, const MessageOptions& options) {
  std::vector<ToolState> states;
  const bool own = format.reasoning == ReasoningTags::own;
  if (own || !options.tools.empty()) states = format.states;
  const auto named = [&](std::string_view name) {
    return std::find_if(states.begin(), states.end(), [&](const ToolState& state) { return state.name == name; });
  };
  if (named("start") == states.end()) states.push_back({"start", Outside::leave, {}});
  if (named("text") == states.end()) states.push_back({"text", Outside::content, {}});
  if (own || options.reasoning == ReasoningSplit::off) return states;
  ToolState any{"analysis", Outside::reasoning, {}};
  for (const ReasoningPair& pair : reasoning_pairs()) {
    const std::vector<ToolEdge> closes = {{{literal(pair.close)}, "start", EdgeText::dropped}};
    named("start")->edges.push_back({{kSpace, literal(pair.open)}, pair.open, EdgeText::dropped});
    states.push_back({pair.open, Outside::reasoning, closes});
    any.edges.insert(any.edges.end(), closes.begin(), closes.end());
  }
  states.push_back(any);
  return states;
}

}  // namespace

struct MessageParser::State {
  State(MessageOptions given, const ToolFormat& of)
      : options(std::move(given)), format(of), tables(states_of(of, options)), sink(&options, of.ids) {
    for (const ToolState& table : tables) nodes.push_back(node_of(table));
    text = index_of("text");
    const bool inside = options.reasoning_start == ReasoningStart::by_prompt &&
                        (options.reasoning != ReasoningSplit::off || of.reasoning == ReasoningTags::own);
    now = index_of(inside ? "analysis" : "start");
  }

  size_t index_of(std::string_view name) const;
  Node node_of(const ToolState& table) const;

  void run(bool is_all);
  void run_part();
  bool step(bool is_all);  // false: what follows decides
  void pass_on();
  void take_edge(const Edge& edge, const Matched& matched);
  void enter(size_t state);
  void leave();
  void break_part();
  std::unique_ptr<CallPart> part_of(const ToolItem& item, const std::string& name) const;

  const MessageOptions options;
  const ToolFormat& format;
  const std::vector<ToolState> tables;
  std::vector<Node> nodes;
  MessageSink sink;
  size_t text = 0, now = 0, after_part = 0;
  std::string pending;  // text that is not taken yet, from `at`
  size_t at = 0;
  std::unique_ptr<CallPart> part;  // a call that is being read
  std::string unclaimed;           // taken by edges, no call told yet: content if none comes
  int told_before_part = 0;
  int calls_before = 0;  // calls told when state "text" was left
};

size_t MessageParser::State::index_of(std::string_view name) const {
  for (size_t index = 0; index < tables.size(); ++index)
    if (tables[index].name == name) return index;
  CHECK(false, "tool format '{}': no state '{}'", format.name, name);
  return 0;
}

Node MessageParser::State::node_of(const ToolState& table) const {
  Node node{table.outside, {}, {}};
  for (const ToolEdge& edge : table.edges) {
    node.edges.push_back({&edge, index_of(edge.next), streams(edge)});
    if (table.outside == Outside::leave) continue;
    CHECK(edge.items[0].kind == ToolItem::Kind::literal, "tool format '{}': '{}' begins with no literal", format.name,
          table.name);
    node.firsts += edge.items[0].text[0];
  }
  return node;
}

std::unique_ptr<CallPart> MessageParser::State::part_of(const ToolItem& item, const std::string& name) const {
  if (item.kind == ToolItem::Kind::call) return std::make_unique<CallObjectPart>();
  if (item.kind == ToolItem::Kind::arguments) return std::make_unique<ArgumentsPart>(name);
  const auto tool = std::find_if(options.tools.begin(), options.tools.end(),
                                 [&](const OfferedTool& offered) { return offered.name == name; });
  CHECK(tool != options.tools.end(), "tool format '{}': '{}' is no tool", format.name, name);
  return std::make_unique<ParametersPart>(name, format.tags, tool->parameters);
}

// Text that edges took and no call claimed is content, unless it stood around calls (their brackets and ends).
void MessageParser::State::enter(size_t state) {
  now = state;
  if (nodes[state].outside == Outside::leave) return;
  if (sink.told_calls() == calls_before) sink.content(unclaimed);
  unclaimed.clear();
  calls_before = sink.told_calls();
}

void MessageParser::State::leave() {
  sink.content(unclaimed);
  unclaimed.clear();
  calls_before = sink.told_calls();
  now = text;
}

void MessageParser::State::break_part() {
  sink.break_call();
  part.reset();
  leave();
}

void MessageParser::State::run_part() {
  while (part && at < pending.size()) {
    const char byte = pending[at];
    const Progress progress = part->take(byte, sink);
    if (sink.told_calls() > told_before_part)
      unclaimed.clear();
    else if (progress != Progress::failed)
      unclaimed += byte;
    if (progress == Progress::failed) return break_part();
    ++at;
    if (progress == Progress::done) {
      part.reset();
      sink.touch();
      enter(after_part);
    }
  }
}

void MessageParser::State::take_edge(const Edge& edge, const Matched& matched) {
  const ToolItem& last = edge.table->items.back();
  if (edge.table->text == EdgeText::dropped)
    sink.touch();
  else
    unclaimed += pending.substr(at, matched.end);
  at += matched.end;
  if (!edge.is_call) return enter(edge.next);
  part = part_of(last, matched.name);
  told_before_part = sink.told_calls();
  after_part = edge.next;
}

// Content up to where an edge may begin, at least a byte.
void MessageParser::State::pass_on() {
  const Node& node = nodes[now];
  const size_t end = std::min(pending.find_first_of(node.firsts, at + 1), pending.size());
  const std::string_view piece = std::string_view(pending).substr(at, end - at);
  at = end;
  if (node.outside == Outside::reasoning) return sink.reasoning(piece);
  const bool may_end = node.edges.empty();
  sink.content(piece, may_end ? MessageSink::TrailingSpace::told : MessageSink::TrailingSpace::held);
}

bool MessageParser::State::step(bool is_all) {
  const Node& node = nodes[now];
  const std::string_view rest = std::string_view(pending).substr(at);
  const bool no_more_calls = options.calls == ToolCalls::one && sink.told_calls() > 0;
  for (const Edge& edge : node.edges) {
    if (edge.is_call && no_more_calls) continue;
    const Matched matched = Matcher(rest, is_all, sink).match(edge.table->items);
    if (matched.match == Match::more) return false;
    if (matched.match == Match::no) continue;
    take_edge(edge, matched);
    return true;
  }
  if (node.outside == Outside::leave)
    leave();
  else
    pass_on();
  return true;
}

void MessageParser::State::run(bool is_all) {
  while (at < pending.size()) {
    if (part)
      run_part();
    else if (!step(is_all))
      break;
  }
  pending.erase(0, at);
  at = 0;
}

Result<MessageParser> MessageParser::make(MessageOptions options) {
  const ToolFormat* format = find_tool_format(options.tool_format);
  if (!format)
    return error("tool format: got '{}', want one of {}", options.tool_format, fmt::join(tool_format_names(), ", "));
  return MessageParser(std::make_unique<State>(std::move(options), *format));
}

MessageParser::MessageParser(std::unique_ptr<State> state) : state_(std::move(state)) {}
MessageParser::MessageParser(MessageParser&&) noexcept = default;
MessageParser& MessageParser::operator=(MessageParser&&) noexcept = default;
MessageParser::~MessageParser() = default;

MessageDelta MessageParser::add(std::string_view text) {
  state_->pending += text;
  state_->run(false);
  return state_->sink.take();
}

MessageDelta MessageParser::finish() {
  state_->run(true);
  if (state_->part) state_->break_part();
  if (state_->nodes[state_->now].outside == Outside::leave) state_->enter(state_->text);
  state_->sink.finish();
  return state_->sink.take();
}

bool MessageParser::has_tool_calls() const { return state_->sink.told_calls() > 0; }
bool MessageParser::has_cut_call() const { return state_->sink.is_cut(); }
bool MessageParser::is_settled() const {
  const bool holds_nothing = state_->pending.empty();      // what closes the call may be on its way
  return state_->options.calls == ToolCalls::one && has_tool_calls() && !state_->sink.is_open() && holds_nothing;
}

}  // namespace hearth
