#include "build/jobs.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "sys/fd.h"

namespace kiln::build {
namespace {

TEST(JobserverTest, IsReadFromMakesWords) {
  EXPECT_EQ(ParseJobserver(" -j4 --jobserver-auth=3,4 -- W=1"),
            (Jobserver{.read = 3, .write = 4, .fifo = {}}));
  EXPECT_EQ(ParseJobserver("k -j --jobserver-fds=5,6"), (Jobserver{.read = 5, .write = 6, .fifo = {}}));
  EXPECT_EQ(ParseJobserver("-j8 --jobserver-auth=fifo:/tmp/GMfifo12"), (Jobserver{.fifo = "/tmp/GMfifo12"}));
  EXPECT_EQ(ParseJobserver("--jobserver-auth=3,4 --jobserver-auth=7,8")->read, 7);
  EXPECT_FALSE(ParseJobserver(""));
  EXPECT_FALSE(ParseJobserver("-j4"));
  EXPECT_FALSE(ParseJobserver("--jobserver-auth=3"));
  EXPECT_FALSE(ParseJobserver("--jobserver-auth=-2,-2"));
  EXPECT_FALSE(ParseJobserver("--jobserver-auth=99999999999,4"));
  EXPECT_FALSE(ParseJobserver("-- --jobserver-auth=3,4"));
}

TEST(JobserverTest, WordsWithoutThePipeAreNotBelieved) {
  EXPECT_FALSE(FindJobserver({{"MAKEFLAGS", "-j4 --jobserver-auth=1021,1022"}}));
  EXPECT_FALSE(FindJobserver({{"MAKEFLAGS", "-j4 --jobserver-auth=fifo:/nowhere/at/all"}}));
  EXPECT_FALSE(FindJobserver({}));
  auto pipe = sys::Pipe();
  ASSERT_TRUE(pipe);
  const config::Environment environment = {
      {"MAKEFLAGS", fmt::format("-j4 --jobserver-auth={},{}", pipe->read.get(), pipe->write.get())}};
  EXPECT_FALSE(FindJobserver(environment)) << "a descriptor of our own that closes on exec";
  ::fcntl(pipe->read.get(), F_SETFD, 0);
  ::fcntl(pipe->write.get(), F_SETFD, 0);
  EXPECT_TRUE(FindJobserver(environment));
}

TEST(JobserverTest, IsPassedOnAsItCame) {
  EXPECT_EQ((Jobserver{.read = 3, .write = 4, .fifo = {}}).Flag(), "--jobserver-auth=3,4");
  EXPECT_EQ((Jobserver{.fifo = "/tmp/x"}).Flag(), "--jobserver-auth=fifo:/tmp/x");
}

TEST(CpusTest, OfAQuotaAreRoundedUp) {
  EXPECT_EQ(CpusOfQuota("200000 100000\n"), 2U);
  EXPECT_EQ(CpusOfQuota("150000 100000"), 2U);
  EXPECT_EQ(CpusOfQuota("1000 100000"), 1U);
  EXPECT_FALSE(CpusOfQuota("max 100000"));
  EXPECT_FALSE(CpusOfQuota(""));
  EXPECT_FALSE(CpusOfQuota("1 0"));
  EXPECT_GE(UsableCpus(), 1U);
}

}  // namespace
}  // namespace kiln::build
