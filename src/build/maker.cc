#include "build/maker.h"

#include <unistd.h>

#include <csignal>

#include "base/strings.h"
#include "build/kbuild_rules.h"
#include "build/keep.h"
#include "build/quick_cc.h"
#include "store/hasher.h"

namespace kiln::build {

Result<Maker> Maker::Create(const Request& request, const World& world, const kconfig::ProfilePlan& plan,
                            const MakeWords& words, store::Cache& cache) {
  KILN_TRY(CheckOptions(words.options));
  KILN_TRY(CheckTargets(words.targets, words.variables));
  KILN_TRY(CheckWords(plan.make, request.arch));
  KILN_TRY(CheckWords(words.variables, request.arch));
  Maker maker(request, world);
  maker.options_ = words.options;
  KILN_TRY(maker.FindToolchain(plan, words, cache));
  return maker;
}

Result<> Maker::FindToolchain(const kconfig::ProfilePlan& plan, const MakeWords& words, store::Cache& cache) {
  arch_ = FindArch(request_.arch);
  if (arch_ == nullptr)
    return MakeError(ErrorCode::kInvalidArgument, "kiln does not build for {}", Printable(request_.arch))
        .Hint("one of " + Join(ArchNames(), ", "));
  advice_ = {.distribution = machine::DetectDistribution(),
             .is_root = ::geteuid() == 0,
             .jobs = 1,
             .image = request_.image};
  if (!request_.image.empty()) {
    const auto path = config::Find(world_.environment, "PATH").value_or("/usr/bin:/bin");
    container_ =
        KILN_TRY(ChooseContainer(request_.image, LookAtContainerHost(request_.image, path, world_.spawner)));
  }
  setup_.arch = request_.arch;
  const auto environment = MakeEnvironment(setup_, world_.environment);
  std::vector<std::string> given = plan.make;
  given.insert(given.end(), words.variables.begin(), words.variables.end());
  const ToolNames names =
      NameTools(*arch_, {.llvm = request_.llvm, .cross_compile = request_.cross_compile, .variables = given},
                HostMachine());
  if (!container_) KILN_TRY(CheckTools(names, environment, advice_));
  toolchain_ = KILN_TRY(IdentifyToolchain(
      names, world_.spawner, [&](const sys::Command& command) { return Wrapped(command); }, environment,
      request_.image, &cache));
  setup_.cc = toolchain_.cc;
  setup_.variables = toolchain_.variables;
  for (const auto& variable : given)
    if (!NamesToolchain(variable)) setup_.variables.push_back(variable);
  deciding_ = setup_.variables;
  for (auto& line : BuildVariables(world_.environment)) deciding_.push_back(std::move(line));
  return {};
}

sys::Command Maker::Wrapped(const sys::Command& command) const {
  return container_ ? InContainer(*container_, command) : command;
}

bool Maker::Has(const std::string& program) const {
  const auto said = world_.spawner.Run(
      Wrapped({.argv = {program, "--version"}, .environment = MakeEnvironment(setup_, world_.environment)}));
  return said && said->status.ok();
}

void Maker::MountAll() {
  SetMounts(*container_,
            {{.path = setup_.source, .writable = false}, {.path = setup_.folder, .writable = true}});
  container_->name =
      fmt::format("kiln-build-{}", store::Hasher().Add("folder", setup_.folder).Hex().substr(0, 12));
  if (request_.ccache) ShareCcache(*container_, world_.environment);
}

void Maker::SetPlaces(const std::string& source, const BuildFolder& folder) {
  setup_.source = source;
  setup_.folder = folder.path();
  log_ = folder.log();
  if (container_) MountAll();
  setup_.jobs = request_.jobs != 0 ? request_.jobs : UsableCpus();
  if (request_.jobs == 0 && !container_) setup_.jobserver = FindJobserver(world_.environment);
  advice_.jobs = setup_.jobs;
  setup_.ccache = request_.ccache && setup_.cc.find("ccache") == std::string::npos && Has("ccache");
  if (setup_.ccache && !container_ && !UsableCcacheFolder(world_.environment)) {
    world_.observer.OnNote(
        "ccache can't write into its folder, so it is not used (CCACHE_DIR names another)");
    setup_.ccache = false;
  }
  if (!container_ && IsGcc(toolchain_.description) && !IsGiven(setup_.variables, "CC")) {
    const std::string place = folder.PathOf(".kiln/bin");
    if (PlaceQuickCc(place)) {
      setup_.quick_cc = place;
      // What one compiler has taken is to be read by another.
      setup_.declarations = folder.PathOf(".kiln/declarations-" + toolchain_.identity);
    }
  }
  setup_.rules = ReadKbuildRules(
      source, !setup_.quick_cc.empty() && !IsGiven(setup_.variables, "cmd_check_local_export"));
  if (auto nm = NmOf(setup_.cc); !nm.empty() && Has(nm)) setup_.nm = std::move(nm);
}

Result<MakeRun> Maker::Make(std::vector<std::string> words, size_t expected) const {
  words.insert(words.begin(), options_.begin(), options_.end());
  const sys::Command command = Wrapped(MakeCommand(setup_, words, world_.environment));
  auto run = KILN_TRY(RunMake(command, log_, expected, world_.loop, world_.spawner, world_.observer));
  // What podman started is no child of its own.
  if (run.interrupted && container_ && container_->engine == Engine::kPodman)
    (void)world_.spawner.Run({.argv = DownArguments(*container_, container_->name)});
  return run;
}

bool Maker::EndedByItself(const MakeRun& run) const {
  return run.status.signal != SIGKILL && !(run.interrupted && container_);
}

// Kbuild shows commands only when asked, so the one target is made once more.
std::string Maker::CommandOf(const std::string& target) const {
  const sys::Command command = MakeCommand(setup_, {"V=1", target}, world_.environment);
  const auto said = world_.spawner.Run(Wrapped(command), {}, {.timeout = std::chrono::minutes(2)});
  return said ? CommandThatMakes(target, said->output) : "";
}

}  // namespace kiln::build
