#include "src/relay/client.h"

#include <algorithm>
#include <array>
#include <utility>

#include "src/base/text.h"

namespace signet::relay {
namespace {

constexpr std::size_t kFlushBytes = 16 * 1024;  // one TLS record
constexpr std::size_t kCommandBytes = 1000;     // RFC 5321 says 512, parameters add to it
constexpr std::chrono::seconds kFarewell{5};    // for the answer to QUIT

bool IsCommand(std::string_view line) {
  return !line.empty() && line.size() <= kCommandBytes &&
         std::all_of(line.begin(), line.end(), [](char c) { return c >= ' ' && c < '\x7f'; });
}

Offered ReadOffered(const UpstreamReply& reply) {
  Offered offered;
  for (std::size_t i = 1; i < reply.lines.size(); ++i) {
    std::string_view line = reply.lines[i];
    std::string_view keyword = line.substr(0, line.find(' '));
    if (EqualsIgnoreCase(keyword, "SIZE")) offered.size = true;
    if (EqualsIgnoreCase(keyword, "8BITMIME")) offered.eight_bit_mime = true;
  }
  return offered;
}

}  // namespace

bool AppendEncodedLine(std::string_view line, std::string* out) {
  if (line.find_first_of(std::string_view("\r\n\0", 3)) != line.npos) return false;
  if (line.starts_with('.')) *out += '.';
  *out += line;
  *out += "\r\n";
  return true;
}

SmtpClient::SmtpClient(std::unique_ptr<tls::Stream> stream, ClientTimes times)
    : stream_(std::move(stream)), times_(times) {}
SmtpClient::~SmtpClient() = default;

SmtpClient::Answer SmtpClient::ReadGreeting() { return ReadReply(Deadline::After(times_.command)); }

SmtpClient::Answer SmtpClient::Hello(std::string_view name) {
  Answer reply = Command("EHLO " + std::string(name));
  if (!reply.ok()) return reply;
  if (reply.value().code == 250) {
    offered_ = ReadOffered(reply.value());
    return reply;
  }
  if (reply.value().digit() != 5) return reply;
  return Command("HELO " + std::string(name));
}

SmtpClient::Answer SmtpClient::Command(std::string_view line) {
  if (broken()) return Err{problem_};
  if (!IsCommand(line)) return Fail("a command that cannot be sent");
  if (!InStep()) return Fail("the upstream spoke out of turn or is gone");
  Deadline deadline = Deadline::After(times_.command);
  out_ = line;
  out_ += "\r\n";
  if (!Flush(deadline)) return Err{problem_};
  return ReadReply(deadline);
}

SmtpClient::Answer SmtpClient::StartData() {
  Answer reply = Command("DATA");
  if (!reply.ok()) return reply;
  if (reply.value().code == 354)
    in_data_ = true;
  else if (reply.value().digit() < 4)
    return Fail("unexpected reply to DATA: " + reply.value().ForLog());
  return reply;
}

bool SmtpClient::WriteLine(std::string_view line) {
  if (broken() || !in_data_) return false;
  if (!AppendEncodedLine(line, &out_)) {
    (void)Fail("a line that cannot be sent");
    return false;
  }
  if (out_.size() < kFlushBytes) return true;
  if (!InStep()) {
    (void)Fail("the upstream spoke during the message or is gone");
    return false;
  }
  return Flush(Deadline::After(times_.data));
}

SmtpClient::Answer SmtpClient::FinishData() {
  if (broken()) return Err{problem_};
  if (!in_data_) return Fail("no message is being sent");
  if (!InStep()) return Fail("the upstream spoke during the message or is gone");
  out_ += ".\r\n";
  if (!Flush(Deadline::After(times_.data))) return Err{problem_};
  in_data_ = false;
  return ReadReply(Deadline::After(times_.final));
}

void SmtpClient::Leave() {
  if (stream_ == nullptr) return;
  engine::Loop* loop = engine::Loop::Current();
  if (broken() || in_data_ || loop == nullptr) {
    stream_.reset();
    return;
  }
  problem_ = "left";
  loop->Spawn([stream = std::shared_ptr<tls::Stream>(std::move(stream_))] {
    Deadline deadline = Deadline::After(kFarewell);
    std::array<char, 512> ignored;
    if (!stream->Write("QUIT\r\n", deadline).ok()) return;
    // Reading to the end lets the upstream close first; what it says is of no interest.
    for (int reads = 0; reads < 8; ++reads)
      if (!stream->Read(ignored.data(), ignored.size(), deadline).ok()) return;
  });
}

SmtpClient::Answer SmtpClient::ReadReply(Deadline deadline) {
  ReplyParser parser;
  std::array<char, 2048> octets;
  while (parser.state() == ReplyParser::State::kMore) {
    engine::IoResult read = stream_->Read(octets.data(), octets.size(), deadline);
    if (!read.ok()) return Fail(engine::Describe(read));
    parser.Feed({octets.data(), read.bytes});
  }
  if (parser.state() == ReplyParser::State::kBad)
    return Fail("unusable reply: " + parser.problem());
  return parser.reply();
}

bool SmtpClient::Flush(Deadline deadline) {
  std::string octets = std::exchange(out_, {});
  engine::IoResult written = stream_->Write(octets, deadline);
  if (!written.ok()) (void)Fail(engine::Describe(written));
  return written.ok();
}

bool SmtpClient::InStep() { return !stream_->InputPending(); }

Err<std::string> SmtpClient::Fail(std::string problem) {
  problem_ = std::move(problem);
  return Err{problem_};
}

}  // namespace signet::relay
