// What the built program shows about how it was built.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "test/system/world.h"

namespace signet::test {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

std::string Readelf(const std::string& what) {
  const Finished finished = Run({"readelf", "-W", what, SignetProgram()});
  EXPECT_EQ(finished.status, 0) << finished.output;
  return finished.output;
}

TEST(Hardening, RuleP4TheProgramIsPositionIndependent) {
  EXPECT_THAT(Readelf("--file-header"), ContainsRegex("Type: +DYN \\(Position-Independent"));
}

// Relocated once and then read-only; symbols are bound before anything else runs, which also
// keeps the binding off the small stacks of sessions.
TEST(Hardening, RuleP4RelocationsAreReadOnly) {
  EXPECT_THAT(Readelf("--segments"), HasSubstr("GNU_RELRO"));
  const std::string dynamic = Readelf("--dynamic");
  EXPECT_THAT(dynamic, HasSubstr("BIND_NOW"));
  EXPECT_THAT(dynamic, Not(HasSubstr("TEXTREL")));
  // Libraries are found where the system has them and nowhere else.
  EXPECT_THAT(dynamic, Not(HasSubstr("RPATH")));
  EXPECT_THAT(dynamic, Not(HasSubstr("RUNPATH")));
}

TEST(Hardening, RuleP4NothingIsWritableAndExecutable) {
  const std::string segments = Readelf("--segments");
  EXPECT_THAT(segments, ContainsRegex("GNU_STACK .* RW "));
  EXPECT_THAT(segments, Not(ContainsRegex(" RWE ")));
}

TEST(Hardening, RuleP4StacksAndBuffersAreGuarded) {
  const char* variant = std::getenv("SIGNET_VARIANT");
  if (variant != nullptr && std::string(variant) != "release")
    GTEST_SKIP() << "only the release variant is fortified";
  const std::string symbols = Readelf("--dyn-syms");
  EXPECT_THAT(symbols, HasSubstr("__stack_chk_fail"));
  EXPECT_THAT(symbols, ContainsRegex("__[a-z]+_chk"));
  EXPECT_THAT(symbols, HasSubstr("__memcpy_chk"));
}

// Nothing of the machine that built it is in the result.
TEST(Hardening, TheProgramDoesNotNameWhereItWasBuilt) {
  const std::string directory = std::filesystem::current_path().string() + "/";
  EXPECT_EQ(ReadFile(SignetProgram()).find(directory), std::string::npos);
}

}  // namespace
}  // namespace signet::test
