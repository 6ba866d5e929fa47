// Chat templates: our own cases against jinja2's output, limits, errors, and the real templates where they are present.
#include "text/template.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>

#include "base/file.h"

namespace hearth {
namespace {

constexpr int64_t kNow = 1773500966;  // 2026-03-14 15:09:26

std::string render(std::string_view source, const OrderedJson& values = OrderedJson::object(),
                   TemplateLimits limits = {}) {
  const auto parsed = Template::parse(source);
  if (!parsed.ok()) return "!" + parsed.message();
  const auto text = parsed->render(values, kNow, limits);
  return text.ok() ? *text : "!" + text.message();
}

bool is_error(const std::string& text) { return text.starts_with("!template: ") && text.find('\n') == text.npos; }

// Made by jinja2 3.1.6: ImmutableSandboxedEnvironment(trim_blocks, lstrip_blocks, loopcontrols), transformers' tojson.
TEST(Template, RendersAsJinja) {
  const auto text = read_file(HEARTH_ROOT "/tests/fixtures/templates/cases.json");
  ASSERT_TRUE(text.ok()) << text.message();
  const auto fixture = parse_ordered_json(*text, "cases");
  ASSERT_TRUE(fixture.ok()) << fixture.message();
  ASSERT_GT((*fixture)["cases"].size(), 200u);
  for (const auto& row : (*fixture)["cases"]) {
    const std::string source = row["source"].get<std::string>();
    const std::string got = render(source, (*fixture)["values"]);
    if (row.contains("error"))
      EXPECT_TRUE(is_error(got)) << source << "\nwants " << row["error"] << "\ngot " << got;
    else
      EXPECT_EQ(got, row["rendered"].get<std::string>()) << source;
  }
}

TEST(Template, ErrorsNameTheLine) {
  EXPECT_EQ(render("a\n\n{{ missing.x }}"), "!template: line 3: UndefinedError: 'missing' is undefined");
  EXPECT_EQ(render("a\n{% if x %}"), "!template: line 2: got a block without its end, want 'endif'");
  EXPECT_EQ(render("\n{% frob %}"), "!template: line 2: got the unknown tag 'frob'");
  EXPECT_EQ(render("\n{{ raise_exception('no\\nway') }}"), "!template: no way");
  EXPECT_EQ(render("{{ [].append(1) }}"),
            "!template: line 1: SecurityError: access to attribute 'append' of 'list' object is unsafe.");
}

TEST(Template, LimitsEndRunawayTemplates) {
  const TemplateLimits small{.steps = 10'000, .output_bytes = 1000, .depth = 200};
  const char* const kRunaways[] = {
      "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
      "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
      "{{ 'a' * 100000000 }}",
      "{% set n = namespace(s='aaaaaaaa') %}{% for i in range(99) %}{% set n.s = n.s + n.s %}{% endfor %}",
      "{% set n = namespace(s=[1]) %}{% for i in range(99) %}{% set n.s = n.s + n.s %}{% endfor %}",
      "{% set n = namespace(s=[1]) %}{% for i in range(9999) %}{% set n.s = [n.s] %}{% endfor %}",
      "{% set n = namespace(s=[1]) %}{% for i in range(200) %}{% set n.s = [n.s, n.s] %}{% endfor %}{{ n.s }}",
      "{% for i in range(99999) %}{{ 'xxxxxxxxxx' }}{% endfor %}",
      "{{ '%99999999d' % 1 }}",
      "{{ 'x'.rjust(999999999) }}",
  };
  for (const char* source : kRunaways) EXPECT_TRUE(is_error(render(source, OrderedJson::object(), small))) << source;
}

TEST(Template, DeepNestingIsAnError) {
  for (const char* piece : {"(", "[", "{{", "not ", "-", "{% if 1 %}", "{% for x in (", "a if b else "}) {
    std::string deep = "{{ ";
    if (piece[0] == '{' && piece[1] == '%') deep.clear();
    for (int i = 0; i < 50'000; ++i) deep += piece;
    EXPECT_TRUE(is_error(render(deep))) << piece;
  }
  std::string sum = "{{ 1";
  for (int i = 0; i < 50'000; ++i) sum += " + 1";
  EXPECT_TRUE(is_error(render(sum + " }}")));
}

// A namespace that holds itself, a macro kept beyond its loop: the leak checker of the asan build watches.
TEST(Template, CyclesAreFreed) {
  EXPECT_EQ(render("{% set n = namespace() %}{% set n.me = n %}{% set n.l = [n] %}{{ n.me.me is defined }}"), "True");
  EXPECT_EQ(render("{% set n = namespace() %}{% for i in [1, 2] %}{% macro m() %}{{ i }}{% endmacro %}{% set n.m = m %}"
                   "{% endfor %}{{ n.m() }}"),
            "2");
}

TEST(Template, OneTemplateRendersManyTimes) {
  const auto parsed = Template::parse("{{ x }}{% set x = 5 %}{{ x }}");
  ASSERT_TRUE(parsed.ok());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(*parsed->render({{"x", i}}, kNow), std::to_string(i) + "5");
}

std::string real_folder() {
  const char* folder = std::getenv("HEARTH_REAL_FIXTURES");
  return folder ? folder : HEARTH_ROOT "/../shared/fixtures/real";
}

int64_t seconds_of(const std::string& date) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  std::sscanf(date.c_str(), "%d-%d-%dT%d:%d:%d", &year, &month, &day, &hour, &minute, &second);
  namespace c = std::chrono;
  const c::sys_days days{c::year{year} / month / day};
  return days.time_since_epoch().count() * int64_t{86400} + hour * 3600 + minute * 60 + second;
}

TEST(Template, GenerationTagPrintsItsBodyWhereAsked) {
  const std::string source = "a{% generation %}b{{ 1 + 1 }}{% endgeneration %}c";
  EXPECT_TRUE(is_error(render(source)));
  const auto parsed = Template::parse(source, GenerationTag::prints_body);
  ASSERT_TRUE(parsed.ok()) << parsed.message();
  EXPECT_EQ(*parsed->render(OrderedJson::object(), kNow), "ab2c");
}

TEST(Template, RealTemplatesRenderAsTransformers) {
  const std::string folder = real_folder() + "/templates/";
  if (!std::filesystem::exists(folder + "rendered.json")) GTEST_SKIP() << "no real templates at " << folder;
  const auto rows = parse_ordered_json(*read_file(folder + "rendered.json"), "rendered.json");
  ASSERT_TRUE(rows.ok()) << rows.message();
  size_t same = 0;
  for (const auto& row : *rows) {
    const std::string got = render(*read_file(folder + row["template"].get<std::string>()), row, {});
    const bool fits = row.contains("error") ? is_error(got) : got == row["rendered"].get<std::string>();
    same += fits;
    if (!fits) ADD_FAILURE() << row["template"] << " " << row["name"] << ": " << got.substr(0, 400);
    EXPECT_EQ(seconds_of(row["now"].get<std::string>()), kNow);
  }
  EXPECT_EQ(same, rows->size());
}

}  // namespace
}  // namespace hearth
