#include "crash/render.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "crash/detector.h"
#include "golden.h"

namespace kiln::crash {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct Case {
  const char* log;  // In tests/golden/crash_render/.
  OutputFormat format;
  const char* suffix;
};

class Rendered : public ::testing::TestWithParam<Case> {};

TEST_P(Rendered, IsAsItWas) {
  const Case& one = GetParam();
  const std::string base = std::string("crash_render/") + one.log;
  const auto log = sys::ReadFile(std::string(KILN_SOURCE_DIR) + "/tests/golden/" + base + ".log");
  ASSERT_TRUE(log.has_value()) << log.error().Text();
  const std::string shown = RenderAll(one.format, ReadReports(*log));
  EXPECT_TRUE(IsValidUtf8(shown));
  EXPECT_EQ(shown.find('\x1b'), std::string::npos);
  testing_support::ExpectGolden(base + one.suffix, shown);
}

constexpr Case kCases[] = {
    {"use_after_free", OutputFormat::kText, ".txt"},    {"use_after_free", OutputFormat::kJson, ".json"},
    {"use_after_free", OutputFormat::kMarkdown, ".md"}, {"use_after_free", OutputFormat::kEmail, ".eml"},
    {"use_after_free", OutputFormat::kHtml, ".html"},   {"null_deref", OutputFormat::kText, ".txt"},
    {"null_deref", OutputFormat::kJson, ".json"},       {"hostile", OutputFormat::kText, ".txt"},
    {"hostile", OutputFormat::kJson, ".json"},          {"hostile", OutputFormat::kMarkdown, ".md"},
    {"hostile", OutputFormat::kHtml, ".html"},          {"no_crash", OutputFormat::kJson, ".json"},
};
INSTANTIATE_TEST_SUITE_P(Render, Rendered, ::testing::ValuesIn(kCases), [](const auto& tested) {
  return std::string(tested.param.log) + "_" + std::string(tested.param.suffix + 1);
});

TEST(Render, JsonOfNoReportsIsAnEmptyList) {
  EXPECT_EQ(RenderAll(OutputFormat::kJson, {}), "{\"reports\":[]}\n");
}

TEST(Render, JsonHoldsEveryField) {
  Report report{
      .title = "BUG: a \"b\" \xff", .alt_titles = {"other"}, .corrupted = true, .corrupted_reason = "cut"};
  report.pid = 7;
  report.time_us = 1'500'000;
  const Report reports[] = {report, report};
  const auto json = nlohmann::json::parse(RenderAll(OutputFormat::kJson, reports, {.log = "a.log"}));
  ASSERT_EQ(json["reports"].size(), 2U);
  const auto& one = json["reports"][1];
  EXPECT_EQ(one["title"], "BUG: a \"b\" \xef\xbf\xbd");
  EXPECT_EQ(one["alt_titles"][0], "other");
  EXPECT_EQ(one["corrupted"], true);
  EXPECT_EQ(one["corrupted_reason"], "cut");
  EXPECT_EQ(one["suppressed"], false);
  EXPECT_EQ(one["panicked"], false);
  EXPECT_TRUE(one["executor"].is_null());
  EXPECT_EQ(one["pid"], 7);
  EXPECT_TRUE(one["cpu"].is_null());
  EXPECT_EQ(one["time_s"], 1.5);
  EXPECT_EQ(one["log"], "a.log");
}

TEST(Render, LongStacksAreFoldedUnlessAllIsWanted) {
  Report report{.title = "BUG: x"};
  report.stacks.resize(9);
  for (auto& stack : report.stacks) stack.frames.resize(40, {.function = "f", .offset = 1, .size = 2});
  EXPECT_THAT(Render(OutputFormat::kText, report), HasSubstr("... 20 more\n"));
  EXPECT_THAT(Render(OutputFormat::kText, report), HasSubstr("... 2 more stacks\n"));
  EXPECT_THAT(Render(OutputFormat::kText, report, {.full = true}), Not(HasSubstr(" more")));
}

TEST(Render, AFenceIsNotClosedFromInside) {
  EXPECT_THAT(Render(OutputFormat::kMarkdown, Report{.title = "x", .text = "a\n````\n# b"}),
              HasSubstr("`````\na\n````\n# b\n`````\n"));
}

TEST(Render, FormatsAreKnownByName) {
  EXPECT_EQ(ParseFormat("email"), OutputFormat::kEmail);
  EXPECT_EQ(ParseFormat("pdf"), std::nullopt);
}

}  // namespace
}  // namespace kiln::crash
