// merge_projections on its text cases.
#include "cases.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

TEST(MergeProjections, TurnsItsCasesIntoWhatIsWritten) { check_graph_pass("merge_projections", merge_projections); }

}  // namespace
}  // namespace hearth
