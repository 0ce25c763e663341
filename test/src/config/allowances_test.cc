#include "src/config/allowances.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "src/base/codes.h"
#include "src/config/config.h"
#include "test/support/fake_drivers.h"

namespace signet::config {
namespace {

std::string ReadAll(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

TEST(Allowances, UnusedOnesAreReported) {
  auto registry = test::MakeFakeDrivers();
  Loaded loaded = LoadText("c",
                           "# signet: allow no-meaning, weak-setting\n"
                           "queue_only\n"
                           "# signet: allow no-meaning\n",
                           {}, *registry);
  ASSERT_NE(loaded.config, nullptr);
  ReportUnused(loaded.config->allowances, &loaded.diagnostics);
  ASSERT_EQ(loaded.diagnostics.size(), 2u);
  EXPECT_EQ(Render(loaded.diagnostics[0]),
            "c:1:29: warning: nothing to allow: no warning weak-setting on the line that follows "
            "[unused-allow]\n"
            "  # signet: allow no-meaning, weak-setting\n"
            "                              ^^^^^^^^^^^^\n");
  EXPECT_EQ(PlaceOf(loaded.diagnostics[1].span), "c:3:17");  // at the end of the file
}

TEST(Allowances, AreForOneFileOnly) {
  SourceText one("one", "# signet: allow no-meaning\nx\ny\n"), two("two", "\nx\n");
  Diagnostics found;
  Allowances allowances = ReadAllowances(one.whole().Part(0, 26), &found);
  ASSERT_EQ(allowances.size(), 1u);
  allowances[0].first = allowances[0].last = one.whole().Part(27, 28);
  auto warning = [](SourceSpan span) {
    return Diagnostic{Severity::kWarning, span, "", "", {}, code::kNoMeaning};
  };
  found = {warning(one.whole().Part(27, 28)), warning(one.whole().Part(29, 30)),
           warning(two.whole().Part(1, 2)), warning({})};
  Silence(&allowances, &found);
  EXPECT_EQ(found.size(), 3u);
  EXPECT_TRUE(allowances[0].used);
}

// Each code is explained in the manual, and shown by some test.
TEST(Codes, AreDocumentedAndHaveACase) {
  std::string manual = ReadAll("doc/configuration.md"), cases;
  for (const auto& entry : std::filesystem::recursive_directory_iterator("test"))
    if (entry.is_regular_file()) cases += ReadAll(entry.path());
  for (std::string_view code : AllCodes()) {
    EXPECT_NE(manual.find("\n| `" + std::string(code) + "` | "), std::string::npos) << code;
    EXPECT_NE(cases.find("[" + std::string(code) + "]"), std::string::npos)
        << code << " is in no test";
  }
}

}  // namespace
}  // namespace signet::config
