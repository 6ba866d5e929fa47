// Template: a parsed chat template and the machine that renders it.
#include "text/template.h"

#include "text/jinja_machine.h"
#include "text/jinja_parser.h"

namespace hearth {

struct Template::Impl {
  jinja::Program program;
};

Result<Template> Template::parse(std::string_view source, GenerationTag tag) {
  auto program = jinja::parse_program(source, jinja::Dialect{.generation_tag = tag == GenerationTag::prints_body});
  if (!program.ok()) return program.within("template");
  Template made;
  made.impl_ = std::make_shared<const Impl>(Impl{std::move(*program)});
  return made;
}

Result<std::string> Template::render(const OrderedJson& values, int64_t now, const TemplateLimits& limits) const {
  return jinja::Machine(impl_->program, values, now, limits).run();
}

}  // namespace hearth
