#include "drivers/host/host_api.h"

#include <string.h>

#include <chrono>

namespace signet::drivers {
namespace {

// Every function is noexcept: what would throw into a driver's C frame ends the program
// here instead.

signet_expanded Expand(signet_call* call, std::uint32_t option,
                       const signet_value** value) noexcept {
  *value = nullptr;
  return call->Expand(option, value);
}

int OptionText(signet_call* call, std::uint32_t option, signet_text* text) noexcept {
  std::string_view view;
  if (!call->OptionText(option, &view)) return 0;
  *text = Borrow(view);
  return 1;
}

int OptionNumber(signet_call* call, std::uint32_t option, std::int64_t* number) noexcept {
  return call->OptionNumber(option, number) ? 1 : 0;
}

signet_text ValueText(const signet_value* value) noexcept { return Borrow(value->value.text); }

std::size_t ValueCount(const signet_value* value) noexcept {
  return value->value.is_list ? value->value.elements.size() : 1;
}

signet_text ValueElement(const signet_value* value, std::size_t index) noexcept {
  if (!value->value.is_list) return index == 0 ? ValueText(value) : signet_text{};
  if (index >= value->value.elements.size()) return {};
  return Borrow(value->value.elements[index]);
}

void SetAuth(signet_call* call, std::uint32_t number, const signet_value* value) noexcept {
  if (number >= 1 && number <= 4) call->SetAuth(number, value->value);
}

void SetAuthText(signet_call* call, std::uint32_t number, signet_text text) noexcept {
  if (number < 1 || number > 4) return;
  Value value(std::string(View(text)), kFromClient);
  call->SetAuth(number, value);
  explicit_bzero(value.text.data(), value.text.size());  // it may be a password
}

signet_verdict CheckCondition(signet_call* call) noexcept { return call->CheckCondition(); }
void Reason(signet_call* call, signet_text text) noexcept { call->Reason(View(text)); }
void Challenge(signet_call* call, signet_text text) noexcept { call->Challenge(View(text)); }
void LogLine(signet_call* call, signet_text line) noexcept { call->Log(View(line)); }

void Answer(signet_lookup_call* call, signet_text text) noexcept {
  static_cast<LookupCall*>(call)->answered = View(text);
}

void Entry(signet_lookup_call* call, signet_text name) noexcept {
  static_cast<LookupCall*>(call)->entry = View(name);
}

void Changed(signet_lookup_call* call) noexcept { static_cast<LookupCall*>(call)->changed = true; }

signet_found MatchPattern(signet_lookup_call* call, signet_text pattern,
                          std::uint32_t flags) noexcept {
  auto* mine = static_cast<LookupCall*>(call);
  if (mine->match) return mine->match(View(pattern), flags);
  mine->answered = "patterns cannot be matched here";
  return SIGNET_LATER;
}

signet_expanded Variable(signet_call* call, signet_text name, const signet_value** value) noexcept {
  *value = nullptr;
  return call->Variable(View(name), value);
}
signet_text PublicName(signet_call* call) noexcept { return Borrow(call->PublicName()); }
int Advertised(signet_call* call, signet_text mechanism) noexcept {
  return call->Advertised(View(mechanism)) ? 1 : 0;
}
int ChannelBinding(signet_call* call, signet_text type, signet_text* octets) noexcept {
  std::string_view view;
  if (!call->ChannelBinding(View(type), &view)) return 0;
  *octets = Borrow(view);
  return 1;
}
signet_worker* CallWorker(signet_call* call) noexcept { return call->Worker(); }
void SetState(signet_call* call, const signet_value* value) noexcept {
  call->SetState(value->value);
}

std::size_t ValueOwn(const signet_value* value) noexcept {
  std::size_t own = 0;
  for (const Segment& segment : value->value.segments) {
    if (segment.origins != kFromAdministrator) return own;
    own = segment.end;
  }
  return value->value.is_list && value->value.element_origins != kFromAdministrator
             ? own
             : value->value.text.size();
}

void Identity(signet_call* call, const signet_value* value, std::size_t from) noexcept {
  call->Identity(value->value, from);
}

const signet_value* ValueList(signet_call* call, const signet_value* value) noexcept {
  return value->value.is_list ? value : call->List(*value);
}

int MainOption(signet_worker* worker, signet_text name, signet_text* text) noexcept {
  std::string_view view;
  if (!worker->MainOption(View(name), &view)) return 0;
  *text = Borrow(view);
  return 1;
}

void WorkerLog(signet_worker* worker, signet_text line) noexcept { worker->Log(View(line)); }
std::int64_t Now() noexcept { return NowMs(); }

int Spawn(signet_worker* worker, void (*body)(void*), void* context) noexcept {
  return worker->Spawn([body, context]() noexcept { body(context); }) ? 1 : 0;
}

void RunBlocking(signet_worker* worker, void (*body)(void*), void* context) noexcept {
  worker->RunBlocking([body, context]() noexcept { body(context); });
}

void RunOnBigStack(signet_worker* worker, void (*body)(void*), void* context) noexcept {
  worker->RunOnBigStack([body, context]() noexcept { body(context); });
}

signet_event* EventNew(signet_worker* worker) noexcept { return worker->MakeEvent(); }
signet_io EventWait(signet_event* event, std::int64_t deadline_ms) noexcept {
  return event->Wait(deadline_ms);
}
void EventSignal(signet_event* event) noexcept { event->Signal(); }
void EventFree(signet_event* event) noexcept { delete event; }

// A structure made by a driver that is older than this host: what it lacks is zero.
template <typename T>
T Complete(const T* given) {
  T whole{};
  const std::size_t size = given->size < sizeof(T) ? given->size : sizeof(T);
  __builtin_memcpy(&whole, given, size);
  whole.size = sizeof(T);
  return whole;
}

signet_io Connect(signet_worker* worker, const signet_endpoint* endpoint, std::int64_t deadline_ms,
                  signet_stream** stream) noexcept {
  return worker->Connect(Complete(endpoint), deadline_ms, stream);
}
signet_io StartTls(signet_stream* stream, const signet_tls_options* options,
                   std::int64_t deadline_ms) noexcept {
  return stream->StartTls(Complete(options), deadline_ms);
}
std::int64_t Read(signet_stream* stream, void* data, std::size_t size,
                  std::int64_t deadline_ms) noexcept {
  return stream->Read(data, size, deadline_ms);
}
signet_io Write(signet_stream* stream, signet_text data, std::int64_t deadline_ms) noexcept {
  return stream->Write(View(data), deadline_ms);
}
int ReadPending(signet_stream* stream) noexcept { return stream->ReadPending() ? 1 : 0; }
signet_text StreamWhy(signet_stream* stream) noexcept { return Borrow(stream->Why()); }
void Shutdown(signet_stream* stream) noexcept { stream->Shutdown(); }
void Close(signet_stream* stream) noexcept { delete stream; }

const signet_host kTable = {
    .abi_version = SIGNET_ABI_VERSION,
    .reserved = 0,
    .size = sizeof(signet_host),
    .expand = Expand,
    .option_text = OptionText,
    .option_number = OptionNumber,
    .value_text = ValueText,
    .value_count = ValueCount,
    .value_element = ValueElement,
    .set_auth = SetAuth,
    .set_auth_text = SetAuthText,
    .check_condition = CheckCondition,
    .reason = Reason,
    .challenge = Challenge,
    .log = LogLine,
    .answer = Answer,
    .main_option = MainOption,
    .worker_log = WorkerLog,
    .now_ms = Now,
    .spawn = Spawn,
    .run_blocking = RunBlocking,
    .run_on_big_stack = RunOnBigStack,
    .event_new = EventNew,
    .event_wait = EventWait,
    .event_signal = EventSignal,
    .event_free = EventFree,
    .connect = Connect,
    .start_tls = StartTls,
    .read = Read,
    .write = Write,
    .read_pending = ReadPending,
    .stream_why = StreamWhy,
    .shutdown = Shutdown,
    .close = Close,
    .changed = Changed,
    .entry = Entry,
    .match_pattern = MatchPattern,
    .variable = Variable,
    .public_name = PublicName,
    .advertised = Advertised,
    .channel_binding = ChannelBinding,
    .call_worker = CallWorker,
    .set_state = SetState,
    .value_own = ValueOwn,
    .identity = Identity,
    .value_list = ValueList,
};

}  // namespace

const signet_host* HostTable() { return &kTable; }

std::int64_t NowMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace signet::drivers
