// Turns one schema after the other into expressions; the parts of json_schema.cpp share this.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "engine/grammar.h"
#include "engine/grammar_expr.h"
#include "engine/grammar_number.h"
#include "engine/json_schema_merge.h"
#include "engine/regex_grammar.h"

namespace hearth::grammar {

class SchemaCompiler {
 public:
  SchemaCompiler(Schema root, Whitespace whitespace);
  Result<RuleSet> run();

 private:
  // What the compiler is at: its place in the document for errors, and how deep it is.
  struct Where {
    std::string path;
    int depth = 0;
    Where in(const std::string& part) const { return {path + "/" + part, depth + 1}; }
  };
  struct Field {
    std::string key;
    ExprPtr value;
    bool required = false;
  };
  struct Pending {
    uint32_t rule;
    Schema schema;
    Where where;
  };

  // json_schema.cpp
  Result<ExprPtr> value(const Schema& schema, const Where& where);
  Result<ExprPtr> typed(const Schema& schema, uint32_t types, const Where& where);
  Result<ExprPtr> reference(const Schema& schema, const Where& where);
  Result<ExprPtr> all_of(const Schema& schema, const Where& where);
  Result<ExprPtr> any_of_branches(const Schema& schema, const std::string& keyword, const Where& where);
  Result<ExprPtr> values(const Schema& schema, const Where& where);
  Result<ExprPtr> number(const Schema& schema, uint32_t types, const Where& where);
  ExprPtr later(const std::string& key, const Schema& schema,
                const Where& where);  // a rule, compiled when its turn comes
  ExprPtr literal_json(const Schema& value) const;
  ExprPtr any_json();
  void define_common();

  // json_schema_object.cpp
  Result<ExprPtr> object(const Schema& schema, const Where& where);
  Result<std::vector<Field>> fields_of(const Schema& schema, const Where& where);
  Result<ExprPtr> members(std::vector<Field> fields, ExprPtr extra, uint32_t least, uint32_t most, const Where& where);
  Result<ExprPtr> extra_member(const Schema& schema, const std::vector<Field>& fields, const Where& where);
  ExprPtr member(ExprPtr key, ExprPtr value) const;
  ExprPtr other_key(const std::vector<Field>& fields) const;
  Result<ExprPtr> array(const Schema& schema, const Where& where);

  // json_schema_string.cpp
  Result<ExprPtr> string(const Schema& schema, const Where& where);

  Result<uint32_t> count(const Schema& schema, const char* keyword, uint32_t otherwise, const Where& where) const;
  Error wrong(const Where& where, const std::string& what) const;
  ExprPtr space() const { return rule(space_); }
  ExprPtr comma() const { return comma_; }
  ExprPtr as_rule(ExprPtr expr, const std::string& name);

  SchemaDocument document_;
  Whitespace whitespace_;
  RuleSet rules_;
  uint32_t space_ = 0, string_ = 0, number_ = 0, any_ = 0, any_object_ = 0;
  ExprPtr comma_;
  std::map<std::string, uint32_t> rule_of_;  // references and allOfs that have a rule
  std::vector<Pending> pending_;
  size_t schemas_ = 0;
};

// The canonical text of a JSON value, UTF-8 kept as it is.
std::string json_text(const Schema& value);

}  // namespace hearth::grammar
