#include "build/diagnose.h"

#include <gtest/gtest.h>

#include "golden.h"

namespace kiln::build {
namespace {

const Advice kDebian{
    .distribution = {.family = machine::PackageFamily::kDebian, .id = "debian", .name = "Debian"},
    .is_root = false,
    .jobs = 8};

TEST(DiagnoseTest, SaysWhatIsBehindAFailure) {
  const std::vector<std::vector<std::string>> cases = {
      {"/bin/sh: 1: flex: not found",
       "make[2]: *** [scripts/Makefile.host:9: scripts/kconfig/lexer.lex.c] Error 127"},
      {"sh: line 1: bc: command not found"},
      {"make[1]: bison: No such file or directory"},
      {"certs/extract-cert.c:21:10: fatal error: openssl/bio.h: No such file or directory"},
      {"/s/tools/objtool/include/objtool/elf.h:10:10: fatal error: gelf.h: No such file or directory"},
      {"error: Cannot generate ORC metadata for CONFIG_UNWINDER_ORC=y, please install libelf-dev, "
       "libelf-devel or "
       "elfutils-libelf-devel"},
      {"BTF: .tmp_vmlinux.btf: pahole (pahole) is not available"},
      {"gcc: fatal error: Killed signal terminated program cc1", "compilation terminated."},
      {"collect2: fatal error: ld terminated with signal 9 [Killed]"},
      {"scripts/link-vmlinux.sh: line 60: 1234 Killed ld -o vmlinux"},
      {"ld: final link failed: memory exhausted"},
      {"fatal error: error writing to /tmp/x.s: No space left on device"},
      {"make[2]: *** No rule to make target 'my_defconfig'.  Stop."},
      {"make[2]: *** No rule to make target 'debian/certs/debian-uefi-certs.pem', needed by "
       "'certs/x509_certificate_list'.  Stop."},
      {"***", "*** The source tree is not clean, please run 'make mrproper'", "*** in /s"},
      {"gcc: error: unrecognized command-line option '-fzero-init-padding-bits=all'"},
      // The code's own mistakes are not explained away.
      {"a.c:1:10: fatal error: linux/nothing.h: No such file or directory"},
      {"a.c:4:1: error: expected ';' before '}' token"},
      {"ld: a.o: undefined reference to `b'"},
      {"make[1]: *** No rule to make target 'nothing'.  Stop."},
  };
  std::string text;
  for (const auto& lines : cases) {
    text += lines[0].substr(0, 90) + "\n";
    const auto found = Diagnose(lines, kDebian);
    text += found ? fmt::format("  [{}] {}\n  {}\n", Name(found->code), found->what, found->hint) : "  -\n";
  }
  testing_support::ExpectGolden("build/diagnoses.txt", text);
}

TEST(DiagnoseTest, DiskAndMemoryExplainWhatFollows) {
  const std::vector<std::string> lines = {"/bin/sh: 1: flex: not found", "x: No space left on device"};
  EXPECT_EQ(Diagnose(lines, kDebian)->code, ErrorCode::kNoSpace);
}

TEST(HowToInstallTest, NamesPackagesOnce) {
  EXPECT_EQ(HowToInstall({"flex", "libelf.h", "gelf.h"}, kDebian), "sudo apt install flex libelf-dev");
  Advice fedora = kDebian;
  fedora.distribution.family = machine::PackageFamily::kFedora;
  fedora.is_root = true;
  EXPECT_EQ(HowToInstall({"libelf.h"}, fedora), "dnf install elfutils-libelf-devel");
  EXPECT_EQ(HowToInstall({"martian"}, kDebian), "install what holds martian");
  EXPECT_EQ(HowToInstall({"bc", "martian"}, kDebian), "sudo apt install bc; and install what holds martian");
}

TEST(DiagnoseTest, InAContainerTheHostsPackagesAreOfNoUse) {
  const Advice inside{.distribution = {.family = machine::PackageFamily::kDebian}, .image = "/roots/sid"};
  EXPECT_EQ(HowToInstall({"flex"}, inside),
            "flex must be in /roots/sid: install it there, or give another --in");
}

}  // namespace
}  // namespace kiln::build
