// The rescue shell and commands, by the static program as it is in the initramfs.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>

namespace kiln {
namespace {

using testing::HasSubstr;

struct Outcome {
  int code = -1;
  std::string out;  // And what it complains.
};

Outcome Sh(const std::string& script) {
  std::array<int, 2> ends{};
  EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
  posix_spawn_file_actions_addclose(&actions, ends[0]);
  posix_spawn_file_actions_addclose(&actions, ends[1]);
  const std::array<const char*, 7> argv = {
      KILN_AGENT_STATIC, "sh", "-c", script.c_str(), "name", "one", nullptr};
  const std::array<const char*, 2> env = {"GREETING=hello  there", nullptr};
  pid_t pid = 0;
  EXPECT_EQ(posix_spawn(&pid, argv[0], &actions, nullptr, const_cast<char**>(argv.data()),
                        const_cast<char**>(env.data())),
            0);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  Outcome outcome;
  std::array<char, 4096> bytes{};
  for (ssize_t count = 0; (count = read(ends[0], bytes.data(), bytes.size())) > 0;)
    outcome.out.append(bytes.data(), static_cast<size_t>(count));
  close(ends[0]);
  int status = 0;
  waitpid(pid, &status, 0);
  outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return outcome;
}

TEST(Box, WordsAndQuotes) {
  EXPECT_EQ(Sh(R"(echo a  "b  c" 'd $x e' f\ g "q\"q" "$GREETING" ${GREETING} $1 $# # comment)").out,
            "a b  c d $x e f g q\"q hello  there hello  there one 1\n");
  EXPECT_EQ(Sh("X=5; echo $X$X; export Y=6; echo $Y").out, "55\n6\n");
}

TEST(Box, ListsAndStatus) {
  EXPECT_EQ(Sh("false && echo no || echo yes; true && echo and; false; echo $?").out, "yes\nand\n1\n");
  EXPECT_EQ(Sh("exit 7; echo never").code, 7);
  EXPECT_EQ(Sh("true\nfalse").code, 1);
  const Outcome missing = Sh("no-such-command");
  EXPECT_EQ(missing.code, 127);
  EXPECT_EQ(missing.out, "sh: no-such-command: No such file or directory\n");
}

TEST(Box, PipesAndFiles) {
  const std::string path = "/tmp/kiln-box-test-" + std::to_string(getpid());
  EXPECT_EQ(Sh("echo one | cat | cat > " + path + "; echo two >> " + path + "; cat < " + path).out,
            "one\ntwo\n");
  EXPECT_EQ(Sh("ls -l " + path + " | cat").out,
            "-0644 " + std::to_string(getuid()) + ":" + std::to_string(getgid()) + " 8 " + path + "\n");
  EXPECT_EQ(Sh("rm " + path + " && cat " + path + " 2>&1 | cat").out,
            "cat: " + path + ": No such file or directory\n");
  EXPECT_EQ(Sh("cd /proc; cat sys/kernel/ostype; cd /; pwd").out, "Linux\n/\n");
}

TEST(Box, WhatItDoesNotKnowIsSaid) {
  EXPECT_THAT(Sh("echo 'x").out, HasSubstr("a quote that is not closed"));
  EXPECT_THAT(Sh("sleep 1 &").out, HasSubstr("nothing in the background"));
  EXPECT_THAT(Sh("echo $(id)").out, HasSubstr("no command substitution"));
  EXPECT_THAT(Sh("cat |").out, HasSubstr("leads nowhere"));
  EXPECT_EQ(Sh("echo x >").code, 2);
  EXPECT_THAT(Sh("insmod /no/such.ko").out, HasSubstr("load module /no/such.ko: No such file"));
  EXPECT_EQ(Sh(std::string(100'000, 'x')).code, 2);
}

}  // namespace
}  // namespace kiln
