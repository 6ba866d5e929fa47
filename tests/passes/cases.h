// Text cases of passes: tests/fixtures/passes/<pass>/<case>.in is given to the pass, <case>.out is what must come out.
//
// The first lines of a case are comments ('#' in graphs, '//' in programs): what it shows, then `target: NAME`, then perhaps
// `unchanged`: the pass must not touch it and there is no .out. After a wanted change of a pass write the .out files anew with
//   test_passes --gtest_also_run_disabled_tests --gtest_filter='*DISABLED_WriteOutputs'
// and read what changed.
#pragma once

#include <string>
#include <vector>

#include "passes/pass.h"

namespace hearth {

struct PassCase {
  std::string path;              // without .in
  std::string header, text;      // the comments, and all of it
  Target target;
  bool unchanged = false;
};
std::vector<PassCase> cases_of(const std::string& pass);

// What a loop pass must not change: every bit of every result, or (expand_math) only to a few last bits.
enum class Meaning { kept, rounded };

// Every case of the pass: the text that comes out, and for loop passes the results over random memory at several sizes.
void check_graph_pass(const std::string& pass, GraphPass run);
void check_loop_pass(const std::string& pass, LoopPass run, Meaning meaning);

// "-" and "+" lines around what differs; empty if nothing does.
std::string difference(const std::string& want, const std::string& got);

}  // namespace hearth
