#include "kconfig/rust.h"

#include <gtest/gtest.h>

namespace kiln::kconfig {
namespace {

constexpr std::string_view kScript = R"(case "$1" in
gcc)
	echo 5.1.0
	;;
llvm)
	if [ "$SRCARCH" = s390 ]; then
		echo 15.0.0
	else
		echo 11.0.0
	fi
	;;
rustc)
	echo 1.62.0
	;;
bindgen)
	echo 0.56.0
	;;
)";

TEST(Rust, ReadsVersions) {
  EXPECT_EQ(MinimumVersion(kScript, "rustc"), "1.62.0");
  EXPECT_EQ(MinimumVersion(kScript, "llvm"), "11.0.0");
  EXPECT_EQ(MinimumVersion(kScript, "pahole"), "");
  EXPECT_EQ(VersionAfter("rustc 1.63.0 (Debian)", "rustc"), "1.63.0");
  EXPECT_EQ(VersionAfter("x.h:1: warning: clang version Debian clang version 14.0.6 [...]", "clang version"),
            "14.0.6");
  EXPECT_LT(CompareVersions("1.62.0", "1.100.0"), 0);
  EXPECT_EQ(CompareVersions("1.62", "1.62.0"), 0);
}

FakeFiles Tree() {
  FakeFiles files;
  files.texts = {{"/t/rust/lib.rs", ""},
                 {"/t/scripts/min-tool-version.sh", std::string(kScript)},
                 {"/t/scripts/rust_is_available.sh", "is too new. This may or may not work."},
                 {"/t/scripts/rust_is_available_bindgen_libclang.h", ""},
                 {"/r/lib/rustlib/src/rust/library/core/src/lib.rs", ""}};
  return files;
}

const RustNeed& Need(const RustReport& report, std::string_view name) {
  for (const RustNeed& need : report.needs)
    if (need.name == name) return need;
  static const RustNeed kNone;
  ADD_FAILURE() << name;
  return kNone;
}

TEST(Rust, EverythingThere) {
  sys::FakeSpawner spawner;
  spawner.answers["rustc --version"] = {.output = "rustc 1.63.0\n"};
  spawner.answers["rustc --print sysroot"] = {.output = "/r\n"};
  spawner.answers["bindgen"] = {.output = "bindgen 0.60.1\n", .errors = "warning: clang version 14.0.6\n"};
  const auto report = ExamineRust(Tree(), spawner, "/t", [](std::string_view) { return std::nullopt; });
  EXPECT_TRUE(report.Usable());
  EXPECT_TRUE(Need(report, "rustc").too_new);
  EXPECT_EQ(Need(report, "libclang").found, "14.0.6");
}

TEST(Rust, WhatLacksSaysHowToGetIt) {
  sys::FakeSpawner spawner;
  spawner.answers["/opt/rustc"] = {.output = "rustc 1.50.0\n"};
  const auto report =
      ExamineRust(Tree(), spawner, "/t", [](std::string_view name) -> std::optional<std::string> {
        if (name == "RUSTC") return "/opt/rustc";
        return std::nullopt;
      });
  EXPECT_FALSE(report.Usable());
  EXPECT_FALSE(Need(report, "rustc").met);
  EXPECT_EQ(Need(report, "bindgen").found, "");
  for (const RustNeed& need : report.needs) EXPECT_FALSE(need.mend.empty()) << need.name;
  EXPECT_FALSE(
      ExamineRust(FakeFiles(), spawner, "/t", [](std::string_view) { return std::nullopt; }).tree_has_rust);
}

}  // namespace
}  // namespace kiln::kconfig
