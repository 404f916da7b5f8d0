// What kiln runs of itself to read a file that may be damaged or hostile: sys/reader.h.
#include "cli/context.h"
#include "kernel/image_cache.h"
#include "symbolize/decoder.h"
#include "sys/reader.h"

namespace kiln::cli {
namespace {

Result<int> Answer(Context& context, const Result<std::string>& bytes) {
  if (!bytes) {
    context.terminal.PrintError(sys::AsReaderError(bytes.error()));
    return 1;
  }
  KILN_TRY(context.terminal.Print(*bytes));
  return 0;
}

}  // namespace

Result<int> DecodeCommand(Context& context, const Parsed& parsed) {
  return Answer(context, symbolize::RunDecoder(parsed.operands));
}

Result<int> UnpackCommand(Context& context, const Parsed& parsed) {
  return Answer(context, kernel::RunUnpack(parsed.operands));
}

}  // namespace kiln::cli
