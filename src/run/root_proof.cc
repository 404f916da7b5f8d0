#include "run/root_proof.h"

#include <algorithm>

#include "sys/files.h"

namespace kiln::run {

RootProof::RootProof(const Plan& plan, const TemplateUse& use) : use_(use) {
  if (!IsOnProbation(use)) return;
  // A copy would be seen without the host.
  const auto is_copied = [&](const std::string& path) {
    return std::ranges::find(plan.early_root->copies, path, &rootfs::HostCopy::path) !=
           plan.early_root->copies.end();
  };
  for (const std::string path : {"/usr", "/etc", "/bin", "/nix", "/home", "/root", "/var", "/srv", "/mnt"}) {
    if (!sys::Exists(path) || is_copied(path)) continue;
    file_ = path;
    return;
  }
}

void RootProof::Begin(vm::AgentLink& link, std::function<void(const Error&)> failed) {
  link.Request(
      wire::AwaitFile{.path = file_, .limit_ms = 0}, wire::kChained,
      [this, failed = std::move(failed)](Result<> seen) {
        if (!seen)
          return failed(std::move(seen).error().Context(fmt::format("look at the host's {}", file_)));
        NoteProven(*use_.clone);
        file_.clear();
      });
}

}  // namespace kiln::run
