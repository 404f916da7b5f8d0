#include "machine/arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/strings.h"
#include "machine/kernel_command_line.h"

namespace kiln::machine {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

Machine Plain() {
  Machine machine;
  machine.kernel_path = "/boot/vmlinux";
  machine.initrd_path = "/tmp/initrd";
  machine.append = {"console=ttyS0", "panic=-1"};
  return machine;
}

std::vector<std::string> Arguments(const Machine& machine, const Wiring& wiring = {}) {
  auto result = QemuArguments(machine, QemuFeatures::Everything(), wiring);
  EXPECT_TRUE(result.has_value()) << result.error().TextWithHint();
  return result.value_or(std::vector<std::string>{});
}

std::string Refusal(const Machine& machine, const Wiring& wiring = {},
                    const QemuFeatures& features = QemuFeatures::Everything()) {
  auto result = QemuArguments(machine, features, wiring);
  EXPECT_FALSE(result.has_value());
  return result.has_value() ? "" : result.error().Text();
}

/// The values that follow each `option`.
std::vector<std::string> ValuesOf(const std::vector<std::string>& arguments, std::string_view option) {
  std::vector<std::string> values;
  for (size_t i = 0; i + 1 < arguments.size(); ++i)
    if (arguments[i] == option) values.push_back(arguments[i + 1]);
  return values;
}

/// Reads an option as QEMU does: up to a comma that is not doubled.
std::vector<std::pair<std::string, std::string>> ReadAsQemu(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> pairs;
  size_t i = 0;
  while (i < text.size()) {
    std::string key;
    std::string value;
    bool in_value = false;
    for (; i < text.size(); ++i) {
      if (text[i] == ',' && i + 1 < text.size() && text[i + 1] == ',')
        ++i;
      else if (text[i] == ',')
        break;
      if (!in_value && text[i] == '=')
        in_value = true;
      else
        (in_value ? value : key) += text[i];
    }
    ++i;
    pairs.emplace_back(key, value);
  }
  return pairs;
}

TEST(OptionWriter, WhatIsWrittenIsWhatQemuReads) {
  for (const std::string hostile : {"/tmp/a,readonly=off", ",", ",,", "a,", ",a", "a=b", "new\nline", "",
                                    "x,,id=y", "\xff\xfe,\x01", "help", "?"}) {
    const std::string text = OptionWriter("local").Add("path", hostile).Add("readonly", true).text();
    EXPECT_THAT(ReadAsQemu(text), ElementsAre(std::pair<std::string, std::string>("local", ""),
                                              std::pair<std::string, std::string>("path", hostile),
                                              std::pair<std::string, std::string>("readonly", "on")))
        << text;
  }
}

TEST(OptionWriter, FirstWordMayBeAbsent) {
  EXPECT_EQ(OptionWriter("").Add("id", "a").Add("n", uint64_t{7}).AddIfSet("x", "").text(), "id=a,n=7");
}

TEST(QemuArguments, Minimal) {
  EXPECT_EQ(ShellJoin(Arguments(Plain(), Wiring::Terminal())),
            "-name guest=kiln -no-user-config -nodefaults -display none -no-reboot "
            "-machine q35,dump-guest-core=off -accel tcg -cpu max,la57=off,erms=off -smp 1 -rtc base=utc "
            "-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny -m 1024M "
            "-kernel /boot/vmlinux -initrd /tmp/initrd -append 'console=ttyS0 panic=-1' "
            "-chardev stdio,id=console,signal=on -serial chardev:console -chardev null,id=agent "
            "-device virtio-serial-pci,id=ports,max_ports=2 "
            "-device virtserialport,bus=ports.0,chardev=agent,name=org.kiln.agent "
            "-object rng-random,id=entropy,filename=/dev/urandom -device virtio-rng-pci,rng=entropy");
}

TEST(QemuArguments, AWakingMachineHasItsKernelInMemory) {
  Machine machine;
  machine.kernel_path = "/boot/vmlinux";
  machine.memory.file = "/t/ram";
  machine.incoming_fd = 6;
  const std::string line = ShellJoin(Arguments(machine));
  EXPECT_NE(line.find("-incoming defer"), std::string::npos);
  EXPECT_EQ(line.find("-kernel"), std::string::npos);
  EXPECT_EQ(line.find("qtest"), std::string::npos);
}

TEST(QemuArguments, ItsDevicesCanBeReachedBeforeItWakes) {
  Machine machine;
  machine.memory.file = "/t/ram";
  machine.incoming_fd = 7;
  machine.reattach = true;
  Wiring wiring;
  wiring.qtest = InheritedFd{6};
  EXPECT_NE(ShellJoin(Arguments(machine, wiring))
                .find("-chardev socket,id=qtest,fd=6 -object qtest,id=devices,chardev=qtest,log=none"),
            std::string::npos);
  QemuFeatures old = QemuFeatures::Everything();
  old.Set(Feature::kReattach, false);
  EXPECT_THAT(QemuArguments(machine, old, wiring).error().Text(), HasSubstr("has no reattach"));
  machine.reattach = false;
  const std::string line = ShellJoin(*QemuArguments(machine, old, {}));
  EXPECT_EQ(line.find("vmdesc"), std::string::npos);
  EXPECT_EQ(line.find("-global"), std::string::npos);
}

TEST(QemuArguments, Everything) {
  Machine machine = Plain();
  machine.name = "a,b";
  machine.accelerator = Accelerator::kKvm;
  machine.plug_bridge = true;
  machine.cpus = 4;
  machine.memory_bytes = uint64_t{512} << 20;
  machine.memory = {.file = "/run/ram,1", .share = true};
  machine.disks = {{.path = "/d/a,b.img", .format = "qcow2", .read_only = true, .serial = "one"},
                   {.path = "/dev/sdb"}};
  machine.shares = {
      {.host_path = "/", .tag = "root", .ownership = Share::Ownership::kPassthrough},
      {.host_path = "/home/a", .tag = "h", .read_only = false, .ownership = Share::Ownership::kMapped}};
  machine.network = {.kind = Network::Kind::kUser,
                     .forwards = {{.host_port = 2222, .guest_port = 22},
                                  {.protocol = PortForward::Protocol::kUdp, .guest_port = 53}},
                     .mac = "52:54:00:00:00:01"};
  machine.generation_id = "11111111-2222-3333-4444-555555555555";
  machine.panic_device = true;
  machine.start_paused = true;
  machine.firmware = "qboot.rom";
  machine.extra_qemu_arguments = {"-device", "edu"};
  Wiring wiring;
  wiring.console = InheritedFd{3};
  wiring.agent = InheritedFd{4};
  wiring.qmp = InheritedFd{5};
  EXPECT_EQ(ShellJoin(Arguments(machine, wiring)),
            "-name guest=a,,b -no-user-config -nodefaults -display none -no-reboot "
            "-machine q35,memory-backend=ram,suppress-vmdesc=on,dump-guest-core=off "
            "-global migration.send-configuration=off -accel kvm -cpu host -smp 4 -bios qboot.rom "
            "-rtc base=utc "
            "-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny -m 512M "
            "-object memory-backend-file,id=ram,size=536870912,mem-path=/run/ram,,1,share=on "
            "-kernel /boot/vmlinux -initrd /tmp/initrd -append 'console=ttyS0 panic=-1' "
            "-chardev socket,id=console,fd=3 -serial chardev:console "
            "-chardev socket,id=qmp,fd=5 -mon chardev=qmp,mode=control -chardev socket,id=agent,fd=4 "
            "-device virtio-serial-pci,id=ports,max_ports=2 "
            "-device virtserialport,bus=ports.0,chardev=agent,name=org.kiln.agent "
            "-device pcie-pci-bridge,id=slots "
            "-object rng-random,id=entropy,filename=/dev/urandom -device virtio-rng-pci,rng=entropy "
            "-device vmgenid,guid=11111111-2222-3333-4444-555555555555 -device pvpanic "
            "-blockdev driver=file,node-name=disk0-file,filename=/d/a,,b.img,read-only=on "
            "-blockdev driver=qcow2,node-name=disk0,file=disk0-file,read-only=on "
            "-device virtio-blk-pci,drive=disk0,serial=one "
            "-blockdev driver=file,node-name=disk1-file,filename=/dev/sdb,read-only=off "
            "-blockdev driver=raw,node-name=disk1,file=disk1-file,read-only=off "
            "-device virtio-blk-pci,drive=disk1 "
            "-fsdev local,id=share0,path=/,security_model=passthrough,readonly=on,multidevs=remap "
            "-device virtio-9p-pci,fsdev=share0,mount_tag=root "
            "-fsdev local,id=share1,path=/home/a,security_model=mapped-xattr,readonly=off,multidevs=remap "
            "-device virtio-9p-pci,fsdev=share1,mount_tag=h "
            "-netdev user,id=net0,restrict=on,hostfwd=tcp:127.0.0.1:2222-:22,hostfwd=udp:127.0.0.1:0-:53 "
            "-device virtio-net-pci,netdev=net0,romfile=,mac=52:54:00:00:00:01 "
            "-S -device edu");
}

TEST(QemuArguments, AgentLinks) {
  Machine machine = Plain();
  machine.agent_link.transport = AgentLink::Transport::kSerial;
  Wiring wiring;
  wiring.console = OutputFile{"/log,1"};
  wiring.agent = InheritedFd{4};
  auto arguments = Arguments(machine, wiring);
  EXPECT_THAT(ValuesOf(arguments, "-chardev"),
              ElementsAre("file,id=console,path=/log,,1", "socket,id=agent,fd=4"));
  EXPECT_THAT(ValuesOf(arguments, "-serial"), ElementsAre("chardev:console", "chardev:agent"));

  machine.agent_link = {.transport = AgentLink::Transport::kVsock, .cid = 77};
  wiring = {.console = Stdio{}, .agent = {}, .qmp = {}, .vhost_vsock_fd = 9};
  EXPECT_THAT(ValuesOf(Arguments(machine, wiring), "-device"),
              Contains("vhost-vsock-pci,guest-cid=77,vhostfd=9"));
  machine.agent_link.cid = 2;
  EXPECT_THAT(Refusal(machine), HasSubstr("cid 2 is reserved"));
}

TEST(QemuArguments, DevicesDoNotDependOnTheWiring) {
  Wiring wired;
  wired.console = InheritedFd{3};
  wired.agent = InheritedFd{4};
  wired.qmp = InheritedFd{5};
  const auto devices = ValuesOf(Arguments(Plain(), wired), "-device");
  EXPECT_EQ(devices, ValuesOf(Arguments(Plain()), "-device"));
  EXPECT_EQ(devices, ValuesOf(Arguments(Plain(), Wiring::Terminal()), "-device"));
}

TEST(QemuArguments, HostileNamesStayValues) {
  Machine machine = Plain();
  machine.shares = {{.host_path = "/tmp/a,readonly=off\n", .tag = "t,fsdev=x"}};
  machine.disks = {{.path = "/x,read-only=off", .read_only = true, .serial = "s,drive=y"}};
  const auto arguments = Arguments(machine);
  EXPECT_THAT(ReadAsQemu(ValuesOf(arguments, "-fsdev").at(0)),
              Contains(std::pair<std::string, std::string>("path", "/tmp/a,readonly=off\n")));
  EXPECT_THAT(ReadAsQemu(ValuesOf(arguments, "-fsdev").at(0)),
              Contains(std::pair<std::string, std::string>("readonly", "on")));
  EXPECT_THAT(ReadAsQemu(ValuesOf(arguments, "-blockdev").at(0)),
              Contains(std::pair<std::string, std::string>("filename", "/x,read-only=off")));
  EXPECT_THAT(ReadAsQemu(ValuesOf(arguments, "-device").back()),
              Contains(std::pair<std::string, std::string>("mount_tag", "t,fsdev=x")));
}

TEST(QemuArguments, Refusals) {
  struct Case {
    std::string expected;
    void (*spoil)(Machine&);
  };
  const Case cases[] = {
      {"needs a kernel", [](Machine& m) { m.kernel_path.clear(); }},
      {"at least one CPU", [](Machine& m) { m.cpus = 0; }},
      {"multiple of 1 MiB", [](Machine& m) { m.memory_bytes = (uint64_t{64} << 20) + 1; }},
      {"at least 32", [](Machine& m) { m.memory_bytes = 1 << 20; }},
      {"shared memory needs a file", [](Machine& m) { m.memory.share = true; }},
      {"machine type \"pc,accel=x\"", [](Machine& m) { m.type = "pc,accel=x"; }},
      {"is not a UUID", [](Machine& m) { m.generation_id = "auto,x=y"; }},
      {"format \"raw,x\"", [](Machine& m) { m.disks = {{.path = "/d", .format = "raw,x"}}; }},
      {"longer than 20", [](Machine& m) { m.disks = {{.path = "/d", .serial = "123456789012345678901"}}; }},
      {"has no path", [](Machine& m) { m.disks = {{}}; }},
      {"must have 1 to 31", [](Machine& m) { m.shares = {{.host_path = "/", .tag = ""}}; }},
      {"two shares", [](Machine& m) { m.shares = {{"/", "a"}, {"/x", "a"}}; }},
      {"MAC address",
       [](Machine& m) { m.network = {.kind = Network::Kind::kUser, .mac = "52:54:00:12:34"}; }},
      {"MAC address",
       [](Machine& m) { m.network = {.kind = Network::Kind::kUser, .mac = "53:54:00:12:34:56"}; }},
      {"cannot forward", [](Machine& m) { m.network.forwards = {{.guest_port = 1}}; }},
      {"NUL byte", [](Machine& m) { m.kernel_path = std::string("/a\0b", 4); }},
      {"2048", [](Machine& m) { m.append = {std::string(2048, 'x')}; }},
  };
  for (const Case& c : cases) {
    Machine machine = Plain();
    c.spoil(machine);
    EXPECT_THAT(Refusal(machine), HasSubstr(c.expected));
  }
}

TEST(QemuArguments, OneChannelAFd) {
  Wiring wiring;
  wiring.console = Stdio{};
  wiring.qmp = Stdio{};
  EXPECT_THAT(Refusal(Plain(), wiring), HasSubstr("qmp is wired to stdio"));
  wiring.console = InheritedFd{3};
  wiring.qmp = InheritedFd{3};
  EXPECT_THAT(Refusal(Plain(), wiring), HasSubstr("qmp is wired to fd 3"));
}

TEST(QemuArguments, LackingFeatures) {
  QemuFeatures features = QemuFeatures::Everything();
  for (const Feature optional :
       {Feature::kSandbox, Feature::kVirtioRng, Feature::kVmgenid, Feature::kPvpanic, Feature::k9pMultidevs})
    features.Set(optional, false);
  Machine machine = Plain();
  machine.generation_id = "11111111-2222-3333-4444-555555555555";
  machine.panic_device = true;
  machine.shares = {{.host_path = "/", .tag = "root"}};
  auto result = QemuArguments(machine, features, {});
  ASSERT_TRUE(result.has_value());
  EXPECT_THAT(*result, Not(Contains("-sandbox")));
  EXPECT_THAT(ValuesOf(*result, "-device"), Not(Contains(HasSubstr("vmgenid"))));
  EXPECT_THAT(ValuesOf(*result, "-fsdev"), Not(Contains(HasSubstr("multidevs"))));

  features.Set(Feature::kVirtio9p, false);
  auto refused = QemuArguments(machine, features, {});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), ErrorCode::kUnsupported);
  EXPECT_THAT(refused.error().Text(), HasSubstr("has no virtio-9p"));
  machine.accelerator = Accelerator::kKvm;
  features.Set(Feature::kKvm, false);
  EXPECT_THAT(Refusal(machine, {}, features), HasSubstr("has no kvm"));
}

}  // namespace
}  // namespace kiln::machine
