// BDAT (RFC 3030): a message in chunks whose sizes the client says.
#include <algorithm>

#include "src/base/text.h"
#include "src/smtp/commands.h"
#include "src/smtp/receive.h"

namespace signet::smtp {
namespace {

constexpr std::size_t kReadBytes = 16 * 1024;
constexpr std::size_t kSizeDigitsMax = 18;  // fits in 64 bits

Answer Closing(Dialogue& dialogue, int code, std::string_view enhanced, std::string text) {
  dialogue.ending = "closed after bad BDAT";
  return {MakeClosingReply(code, enhanced, std::move(text)), Fault::kProtocol};
}

// Reads and forgets the octets of a chunk that is not wanted, so that none of them is taken
// for a command (rule S6). False: they do not come, or are too many.
bool Drain(Dialogue& dialogue, std::uint64_t octets) {
  if (octets > ChunkDrainMax(dialogue.message_size_limit)) return false;
  const Deadline whole = Deadline::After(limits::kMessageTotal);
  const auto wait = dialogue.config.main.smtp_receive_timeout;
  while (true) {
    const std::size_t used = std::min<std::uint64_t>(octets, dialogue.input.waiting().size());
    dialogue.input.Consume(used);
    octets -= used;
    if (octets == 0) return true;
    const Deadline until = wait.count() > 0 ? whole.Sooner(Deadline::After(wait)) : whole;
    if (!dialogue.Flush() || !dialogue.input.Fill(*dialogue.stream, kReadBytes, until).ok())
      return false;
  }
}

// An answer to a chunk that is not taken.
Answer Refused(Dialogue& dialogue, const Chunk& chunk, Answer answer) {
  if (Drain(dialogue, chunk.octets)) return answer;
  answer.reply->closes = answer.ends = true;
  dialogue.ending = "closed after bad BDAT";
  return answer;
}

// What is pipelined behind a chunk that was refused is no mistake of the client.
void Forget(Dialogue& dialogue) {
  dialogue.ResetEnvelope();
  dialogue.mail_refused = true;
}

std::optional<Answer> Begin(Dialogue& dialogue) {
  dialogue.receiver = std::make_unique<Receiver>(dialogue, Framing::kCounted);
  dialogue.session().envelope.bdat = true;
  return StartReceiving(dialogue, *dialogue.receiver);
}

// `octets` are those of the last chunk.
Answer Finish(Dialogue& dialogue, std::uint64_t octets, Read read) {
  Receiver& receiver = *dialogue.receiver;
  if (read == Read::kWhole && !receiver.failed()) receiver.End();
  Answer answer = FinishReceiving(dialogue, receiver, read);
  const bool taken = answer.reply->positive();
  if (taken)
    answer.reply->lines.insert(
        answer.reply->lines.begin(),
        std::to_string(octets) + " byte chunk, total " + std::to_string(receiver.chunk_bytes()));
  Forget(dialogue);
  dialogue.mail_refused = !taken;
  return answer;
}

}  // namespace

std::uint64_t ChunkDrainMax(std::uint64_t message_size_limit) {
  constexpr std::uint64_t kSlack = 1024 * 1024;
  const std::uint64_t limit =
      message_size_limit > 0 ? message_size_limit : limits::kMessageMaxBytes;
  return 2 * limit + kSlack;
}

std::optional<Chunk> ParseChunk(std::string_view argument) {
  const std::size_t end = std::min(argument.find(' '), argument.size());
  const std::string_view digits = argument.substr(0, end);
  const std::string_view rest = Trim(argument.substr(end));
  if (digits.empty() || digits.size() > kSizeDigitsMax ||
      !std::all_of(digits.begin(), digits.end(), IsDigit))
    return std::nullopt;
  if (!rest.empty() && !EqualsIgnoreCase(rest, "LAST")) return std::nullopt;
  Chunk chunk{0, !rest.empty()};
  for (char c : digits) chunk.octets = chunk.octets * 10 + static_cast<std::uint64_t>(c - '0');
  return chunk;
}

Answer RunBdat(Dialogue& dialogue, const Command& command) {
  const std::optional<Chunk> chunk = ParseChunk(command.argument);
  if (!chunk)
    return Closing(dialogue, 501, "5.5.4", "BDAT wants the number of octets, and perhaps LAST");
  if (!dialogue.chunking_offered)
    return Refused(dialogue, *chunk,
                   {MakeReply(503, "5.5.1", "BDAT command used when CHUNKING not advertised"),
                    Fault::kProtocol});
  if (auto wrong = CheckRecipients(dialogue, "BDAT")) return Refused(dialogue, *chunk, *wrong);
  if (dialogue.receiver == nullptr)
    if (auto refusal = Begin(dialogue)) {
      Forget(dialogue);
      return Refused(dialogue, *chunk, *refusal);
    }
  const Read read = dialogue.receiver->ReadChunk(chunk->octets);
  if (read != Read::kWhole || dialogue.receiver->failed() || chunk->last)
    return Finish(dialogue, chunk->octets, read);
  return MakeReply(250, "2.0.0", std::to_string(chunk->octets) + " byte chunk received");
}

}  // namespace signet::smtp
