// Everything a guest can send: the frame parser, message assembly and each message's decoder, on both sides.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "wire/wire.h"

namespace kiln::wire {
namespace {

template <template <class> class M>
void Both(std::string_view payload) {
  const auto owned = Decode<M<Owned>>(payload);
  M<Borrowed> borrowed;
  FieldReader reader(View(payload.data(), payload.size()));
  M<Borrowed>::Fields(borrowed, reader);
  if (owned.has_value() != reader.Complete()) std::abort();
  if (!owned) return;
  if (Payload(*owned) != payload) std::abort();
  std::string again(payload.size(), '\0');
  FieldWriter writer(again.data(), again.size());
  M<Borrowed>::Fields(borrowed, writer);
  if (writer.failed() || again != payload) std::abort();
}

template <class M>
void Plain(std::string_view payload) {
  const auto message = Decode<M>(payload);
  if (message && Payload(*message) != payload) std::abort();
}

void DecodeAll(std::string_view payload) {
  Both<HostHelloOf>(payload), Both<AgentHelloOf>(payload), Both<ExecOf>(payload), Both<PutOf>(payload);
  Both<GetOf>(payload), Both<MountOf>(payload), Both<UnmountOf>(payload), Both<MkdirOf>(payload);
  Both<SymlinkOf>(payload), Both<WriteFileOf>(payload), Both<SwitchRootOf>(payload),
      Both<LeaveRootOf>(payload), Both<AwaitFileOf>(payload), Both<SetModifiedOf>(payload);
  Both<LoadModuleOf>(payload), Both<UnloadModuleOf>(payload), Both<SetHostnameOf>(payload);
  Both<EntropyOf>(payload), Both<NetUpOf>(payload), Both<ReplyOf>(payload), Both<ExitedOf>(payload);
  Both<LogOf>(payload);
  Plain<Eof>(payload), Plain<Credit>(payload), Plain<Ping>(payload), Plain<Pong>(payload);
  Plain<Signal>(payload), Plain<Resize>(payload), Plain<FileInfo>(payload), Plain<SetClock>(payload);
  Plain<KmsgFollow>(payload), Plain<Started>(payload), Plain<StdinClosed>(payload);
  DecodeData(payload);
  if (const auto prefix = DecodeHelloPrefix(payload)) VersionMismatch(HelloPrefix(), *prefix);
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  // The first byte says in pieces of which size the rest arrives, so that every split is tried.
  const size_t step = data[0] == 0 ? size : data[0];
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  Decoder decoder(size_t{128} * 1024);
  for (size_t at = 0; at < bytes.size(); at += step) {
    decoder.Push(bytes.substr(at, step));
    while (const auto frame = decoder.Pop()) {
      Name(frame->type);
      DecodeAll(frame->payload);
    }
  }
  DecodeAll(bytes);
  return 0;
}
}  // namespace kiln::wire
