// share_kernels on its text cases.
#include "cases.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

TEST(ShareKernels, TurnsItsCasesIntoWhatIsWritten) { check_loop_pass("share_kernels", share_kernels, Meaning::kept); }

}  // namespace
}  // namespace hearth
