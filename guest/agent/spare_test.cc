// What is given to a child that was forked ahead.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/mount.h>

#include <fstream>

#include "test_guest.h"

namespace kiln {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class AgentSpare : public AgentTest {
 protected:
  /// Of the agent, or of the one that is the init of a namespace.
  static std::vector<pid_t> Children(pid_t pid) {
    std::ifstream list("/proc/" + std::to_string(pid) + "/task/" + std::to_string(pid) + "/children");
    std::vector<pid_t> children;
    for (pid_t child = 0; list >> child;) children.push_back(child);
    return children;
  }
  /// The spare, once it waits; 0 when there is none.
  static pid_t SpareOf(pid_t agent) {
    const auto children = Children(agent);
    if (children.size() != 1) return 0;
    while (NameOf(children[0]) != "kiln-spare" && kill(children[0], 0) == 0) usleep(1000);
    return children[0];
  }
  static std::string NameOf(pid_t pid) {
    std::string name;
    std::getline(std::ifstream("/proc/" + std::to_string(pid) + "/comm"), name);
    return name;
  }
};
INSTANTIATE_TEST_SUITE_P(Programs, AgentSpare,
                         testing::Values(KILN_AGENT_STATIC KILN_WITH_SPARE,
                                         KILN_AGENT_NATIVE KILN_WITH_SPARE),
                         ProgramName);

TEST_P(AgentSpare, BecomesTheFirstCommandAndOnlyThat) {
  Guest guest(GetParam());
  guest.Hello();
  const pid_t spare = SpareOf(guest.pid());
  ASSERT_GT(spare, 0);
  const wire::Exited exited = guest.Run(1, Shell("echo out; echo err >&2; exit 7"));
  EXPECT_EQ(exited.code, 7U);
  EXPECT_EQ(guest.seen[1].started, static_cast<uint32_t>(spare));
  EXPECT_EQ(guest.seen[1].out + guest.seen[1].err, "out\nerr\n");
  EXPECT_THAT(Children(guest.pid()), IsEmpty());
  EXPECT_EQ(guest.Run(2, Shell("exit 8")).code, 8U);
  EXPECT_NE(guest.seen[2].started, static_cast<uint32_t>(spare));
}

TEST_P(AgentSpare, OneThatWasKilledIsNotMissed) {
  Guest guest(GetParam());
  guest.Hello();
  const pid_t spare = SpareOf(guest.pid());
  ASSERT_GT(spare, 0);
  ASSERT_EQ(kill(spare, SIGKILL), 0);
  // Reaped when its name is gone.
  while (NameOf(spare) == "kiln-spare") usleep(1000);
  EXPECT_EQ(guest.Run(1, Shell("echo $$")).code, 0U);
  EXPECT_NE(guest.seen[1].started, static_cast<uint32_t>(spare));
}

TEST_P(AgentSpare, WhatItDoesNotTakeIsForked) {
  Guest guest(GetParam());
  guest.Hello();
  const pid_t spare = SpareOf(guest.pid());
  ASSERT_GT(spare, 0);
  // A terminal, and a request longer than it has room for.
  wire::Exec terminal = Shell("test -t 0");
  terminal.flags |= wire::kExecPty;
  EXPECT_EQ(guest.Run(1, terminal).code, 0U);
  wire::Exec longer = Shell("test ${#0} = 20000");
  longer.argv.push_back(std::string(20000, 'x'));
  EXPECT_EQ(guest.Run(2, longer).code, 0U);
  EXPECT_THAT(Children(guest.pid()), ElementsAre(spare));
  EXPECT_EQ(guest.Run(3, Shell(":")).code, 0U);
  EXPECT_EQ(guest.seen[3].started, static_cast<uint32_t>(spare));
}

TEST_P(AgentSpare, MountsAndThenRunsInTheNewRoot) {
  if (!Guest::CanHaveNamespaces()) GTEST_SKIP() << "this host gives no user namespace to test in";
  Guest guest(GetParam(), true);
  guest.Hello();
  const auto init = Children(guest.pid());
  ASSERT_EQ(init.size(), 1U);
  const pid_t spare = SpareOf(init[0]);
  ASSERT_GT(spare, 0);
  // Of a type that may wait for somebody, so it is not for the agent itself; twice, as it goes on after a
  // failure.
  for (const uint32_t channel : {1U, 2U}) {
    const wire::Reply reply =
        guest.Ask(channel, wire::Mount{.source = "none", .target = Path(""), .fstype = "no-such-fs"});
    EXPECT_EQ(reply.error, static_cast<uint32_t>(ENODEV));
    EXPECT_THAT(reply.what, HasSubstr("mount no-such-fs none on "));
    EXPECT_THAT(Children(init[0]), ElementsAre(spare));
  }
  const std::string root = Path("root");
  ASSERT_EQ(guest.Ask(3, wire::Mount{.source = "none", .target = root, .fstype = "tmpfs", .mkdir = 1}).error,
            0U);
  for (const char* folder : {"/usr", "/bin", "/lib", "/lib64"}) {
    if (!std::filesystem::exists(folder)) continue;
    guest.seen.erase(4);
    const wire::Reply reply = guest.Ask(
        4, wire::Mount{.source = folder, .target = root + folder, .flags = MS_BIND | MS_REC, .mkdir = 1});
    ASSERT_EQ(reply.error, 0U) << reply.what;
  }
  ASSERT_EQ(guest.Ask(5, wire::SwitchRoot{.path = root}).error, 0U);
  wire::Exec exec = Shell("echo /*; pwd; cd /usr");
  exec.uid = exec.gid = 0;
  EXPECT_EQ(guest.Run(6, exec).code, 0U) << guest.seen[6].err;
  EXPECT_THAT(guest.seen[6].out, HasSubstr("/usr"));
  EXPECT_THAT(guest.seen[6].out, testing::Not(HasSubstr("/home")));
  EXPECT_THAT(guest.seen[6].out, testing::EndsWith("\n/\n"));
  EXPECT_THAT(Children(init[0]), IsEmpty());
  // Its folder was its own: the agent's is where it was.
  exec = Shell("pwd");
  exec.uid = exec.gid = 0;
  EXPECT_EQ(guest.Run(7, exec).code, 0U);
  EXPECT_EQ(guest.seen[7].out, "/\n");
}

TEST_P(AgentSpare, IsNoReasonThatAFolderIsBusy) {
  if (!Guest::CanHaveNamespaces()) GTEST_SKIP() << "this host gives no user namespace to test in";
  Guest guest(GetParam(), true);
  guest.Hello();
  const std::string folder = Path("busy");
  ASSERT_EQ(
      guest.Ask(1, wire::Mount{.source = "none", .target = folder, .fstype = "tmpfs", .mkdir = 1}).error, 0U);
  // One with a terminal is forked, so the spare stays; it sits in the folder.
  wire::Exec sitting = Shell("cd " + folder + "; echo up; read end");
  sitting.uid = sitting.gid = 0;
  sitting.flags |= wire::kExecPty;
  guest.Send(2, sitting);
  ASSERT_TRUE(guest.Until([&] { return guest.seen[2].out.find("up") != std::string::npos; }));
  const wire::Reply reply = guest.Ask(3, wire::Unmount{.target = folder});
  EXPECT_EQ(reply.error, static_cast<uint32_t>(EBUSY));
  EXPECT_THAT(reply.what, HasSubstr("while these run: sh ("));
  EXPECT_THAT(reply.what, testing::Not(HasSubstr("kiln-spare")));
}

}  // namespace
}  // namespace kiln
