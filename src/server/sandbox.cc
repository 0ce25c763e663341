#include "src/server/sandbox.h"

#include <fcntl.h>
#include <linux/prctl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <memory>

#include "src/base/log.h"

// There in programs whose coverage is measured, which write what they have counted when they end.
extern "C" void __gcov_dump() __attribute__((weak));

namespace signet::server {
namespace {

// --- system calls ------------------------------------------------------------------------
// Names that libseccomp or this machine does not know are passed over, so each list has the old
// calls of some machines and the new ones of others.

// Memory, threads, time, signals to itself: what any program does.
constexpr const char* kBasics[] = {"arch_prctl",
                                   "brk",
                                   "clock_getres",
                                   "clock_gettime",
                                   "clock_nanosleep",
                                   "exit",
                                   "exit_group",
                                   "futex",
                                   "futex_waitv",
                                   "get_robust_list",
                                   "getcpu",
                                   "getegid",
                                   "geteuid",
                                   "getgid",
                                   "getgroups",
                                   "getpgrp",
                                   "getpid",
                                   "getppid",
                                   "getrandom",
                                   "getresgid",
                                   "getresuid",
                                   "getrusage",
                                   "gettid",
                                   "gettimeofday",
                                   "getuid",
                                   "madvise",
                                   "membarrier",
                                   "mmap",
                                   "mprotect",
                                   "mremap",
                                   "msync",
                                   "munmap",
                                   "nanosleep",
                                   "prlimit64",
                                   "restart_syscall",
                                   "rseq",
                                   "rt_sigaction",
                                   "rt_sigpending",
                                   "rt_sigprocmask",
                                   "rt_sigreturn",
                                   "rt_sigsuspend",
                                   "rt_sigtimedwait",
                                   "sched_getaffinity",
                                   "sched_yield",
                                   "set_robust_list",
                                   "set_tid_address",
                                   "sigaltstack",
                                   "sysinfo",
                                   "time",
                                   "times",
                                   "uname"};

// Descriptors that are there, and waiting for them.
constexpr const char* kDescriptors[] = {
    "close",           "close_range",   "dup",       "dup2",           "dup3",
    "epoll_create",    "epoll_create1", "epoll_ctl", "epoll_pwait",    "epoll_pwait2",
    "epoll_wait",      "eventfd2",      "fcntl",     "fstat",          "lseek",
    "newfstatat",      "pipe",          "pipe2",     "poll",           "ppoll",
    "pread64",         "preadv",        "preadv2",   "pselect6",       "pwrite64",
    "pwritev",         "pwritev2",      "read",      "readv",          "recvfrom",
    "recvmmsg",        "recvmsg",       "select",    "sendmmsg",       "sendmsg",
    "sendto",          "shutdown",      "signalfd4", "timerfd_create", "timerfd_gettime",
    "timerfd_settime", "write",         "writev"};

// Reading files: configuration, certificates, tables, modules.
constexpr const char* kReading[] = {
    "access",    "chdir",    "faccessat",  "faccessat2", "fadvise64", "flock",  "fstatfs",
    "getcwd",    "getdents", "getdents64", "lstat",      "open",      "openat", "openat2",
    "readahead", "readlink", "readlinkat", "stat",       "statfs",    "statx"};

// Logs, Maildirs, databases, sockets with names. Where, is for Landlock to say.
constexpr const char* kWriting[] = {
    "chmod",     "copy_file_range", "creat",     "fallocate", "fchmod",          "fchmodat",
    "fdatasync", "fsync",           "ftruncate", "link",      "linkat",          "mkdir",
    "mkdirat",   "rename",          "renameat",  "renameat2", "sync_file_range", "truncate",
    "umask",     "unlink",          "unlinkat",  "utimensat"};

// Clients, directories, upstreams, the resolver.
constexpr const char* kNetwork[] = {"accept",      "accept4",     "bind",       "connect",
                                    "getpeername", "getsockname", "getsockopt", "listen",
                                    "sendfile",    "setsockopt",  "socketpair"};

// These have no use in any role, and say plainly that something is wrong.
constexpr const char* kForbidden[] = {"acct",
                                      "add_key",
                                      "adjtimex",
                                      "bpf",
                                      "chown",
                                      "clock_adjtime",
                                      "clock_settime",
                                      "delete_module",
                                      "execve",
                                      "execveat",
                                      "fanotify_init",
                                      "fchown",
                                      "fchownat",
                                      "finit_module",
                                      "fsconfig",
                                      "fsmount",
                                      "fsopen",
                                      "fspick",
                                      "init_module",
                                      "io_uring_enter",
                                      "io_uring_register",
                                      "io_uring_setup",
                                      "ioperm",
                                      "iopl",
                                      "kcmp",
                                      "kexec_file_load",
                                      "kexec_load",
                                      "keyctl",
                                      "lchown",
                                      "lookup_dcookie",
                                      "memfd_secret",
                                      "mknod",
                                      "mknodat",
                                      "modify_ldt",
                                      "mount",
                                      "mount_setattr",
                                      "move_mount",
                                      "move_pages",
                                      "name_to_handle_at",
                                      "nfsservctl",
                                      "open_by_handle_at",
                                      "open_tree",
                                      "perf_event_open",
                                      "personality",
                                      "pidfd_getfd",
                                      "pidfd_open",
                                      "pidfd_send_signal",
                                      "pivot_root",
                                      "process_madvise",
                                      "process_vm_readv",
                                      "process_vm_writev",
                                      "ptrace",
                                      "quotactl",
                                      "reboot",
                                      "request_key",
                                      "rt_sigqueueinfo",
                                      "rt_tgsigqueueinfo",
                                      "setdomainname",
                                      "sethostname",
                                      "setns",
                                      "settimeofday",
                                      "swapoff",
                                      "swapon",
                                      "symlink",
                                      "symlinkat",
                                      "syslog",
                                      "umount2",
                                      "unshare",
                                      "userfaultfd",
                                      "vhangup",
                                      "vmsplice"};

// Becoming somebody else: what starts a process that serves may have to.
constexpr const char* kIdentity[] = {"capset",    "chroot",    "setfsgid", "setfsuid",
                                     "setgid",    "setgroups", "setregid", "setresgid",
                                     "setresuid", "setreuid",  "setuid"};

struct List {
  const char* const* names;
  std::size_t size;
};
template <std::size_t N>
constexpr List Of(const char* const (&names)[N]) {
  return {names, N};
}

// Calls that pass with certain arguments only: rows of AddConditional.
constexpr const char* kConditional[] = {"clone",  "ioctl",  "kill", "prctl",
                                        "socket", "tgkill", "tkill"};
// What a key process gets of them.
constexpr const char* kConditionalKeys[] = {"clone", "kill", "tgkill"};

std::vector<List> ListsOf(Role role) {
  // Read and write what it has, and read key files when there are new ones.
  if (role == Role::kKeys)
    return {Of(kBasics), Of(kDescriptors), Of(kReading), Of(kConditionalKeys)};
  return {Of(kBasics),  Of(kDescriptors), Of(kReading),
          Of(kWriting), Of(kNetwork),     Of(kConditional)};
}

bool Holds(const List& list, std::string_view name) {
  return std::any_of(list.names, list.names + list.size,
                     [name](const char* entry) { return name == entry; });
}

// --- the filter --------------------------------------------------------------------------

class Filter {
 public:
  explicit Filter(std::uint32_t otherwise) : context_(seccomp_init(otherwise), &seccomp_release) {
    if (context_ == nullptr) {
      Fail(ENOMEM);
      return;
    }
    // Not for the threads that are there: there are none. Calls are looked for by halves.
    (void)seccomp_attr_set(context_.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
  }
  void Add(std::uint32_t action, const char* name,
           std::initializer_list<scmp_arg_cmp> conditions = {}) {
    const int number = seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR || number < 0) return;  // not on this machine
    const int failed =
        seccomp_rule_add_array(context_.get(), action, number,
                               static_cast<unsigned>(conditions.size()), std::data(conditions));
    if (failed != 0) Fail(-failed);
  }
  void Add(std::uint32_t action, List list) {
    for (std::size_t i = 0; i < list.size; ++i) Add(action, list.names[i]);
  }
  void Load() {
    if (error_ == 0) Fail(-seccomp_load(context_.get()));
  }
  int error() const { return error_; }

 private:
  void Fail(int error) {
    if (error_ == 0) error_ = error;
  }
  std::unique_ptr<void, decltype(&seccomp_release)> context_;
  int error_ = 0;
};

constexpr std::uint32_t kForbid = SCMP_ACT_ERRNO(EPERM);
constexpr std::uint32_t kPretendMissing = SCMP_ACT_ERRNO(ENOSYS);

// Threads, but no processes. clone3 has its flags in memory, where no filter can look: it is
// unknown, and the C library takes clone.
void AddThreads(Filter* filter) {
  filter->Add(SCMP_ACT_ALLOW, "clone", {SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD)});
  filter->Add(kForbid, "clone", {SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0)});
}

// Signals to itself: abort(), and the request to reload.
void AddSignals(Filter* filter) {
  const auto self = static_cast<scmp_datum_t>(::getpid());
  for (const char* call : {"kill", "tgkill"}) {
    filter->Add(SCMP_ACT_ALLOW, call, {SCMP_A0(SCMP_CMP_EQ, self)});
    filter->Add(kForbid, call, {SCMP_A0(SCMP_CMP_NE, self)});
  }
}

// TCP, UDP, Unix sockets, and how the resolver finds out which addresses there are. No raw
// sockets, no packets, no other families.
void AddSockets(Filter* filter) {
  constexpr scmp_datum_t kType = 0xf;
  for (const int family : {AF_INET, AF_INET6, AF_UNIX}) {
    const auto wanted = static_cast<scmp_datum_t>(family);
    for (const int type : {SOCK_STREAM, SOCK_DGRAM})
      filter->Add(SCMP_ACT_ALLOW, "socket",
                  {SCMP_A0(SCMP_CMP_EQ, wanted),
                   SCMP_A1(SCMP_CMP_MASKED_EQ, kType, static_cast<scmp_datum_t>(type))});
    filter->Add(kForbid, "socket",
                {SCMP_A0(SCMP_CMP_EQ, wanted),
                 SCMP_A1(SCMP_CMP_MASKED_EQ, kType, static_cast<scmp_datum_t>(SOCK_RAW))});
  }
  constexpr scmp_datum_t kRoute = 0;
  filter->Add(SCMP_ACT_ALLOW, "socket",
              {SCMP_A0(SCMP_CMP_EQ, AF_NETLINK), SCMP_A2(SCMP_CMP_EQ, kRoute)});
  filter->Add(kForbid, "socket", {SCMP_A0(SCMP_CMP_GT, AF_NETLINK)});
}

// A terminal's input is not ours to fake.
void AddControl(Filter* filter) {
  for (const unsigned long request : {FIONBIO, FIONREAD, FIOCLEX, TCGETS, TIOCGWINSZ})
    filter->Add(SCMP_ACT_ALLOW, "ioctl", {SCMP_A1(SCMP_CMP_EQ, request)});
  for (const int option : {PR_SET_NAME, PR_GET_NAME, PR_SET_PDEATHSIG, PR_GET_DUMPABLE,
                           PR_GET_NO_NEW_PRIVS, PR_SET_VMA})
    filter->Add(SCMP_ACT_ALLOW, "prctl", {SCMP_A0(SCMP_CMP_EQ, static_cast<scmp_datum_t>(option))});
}

// Sanitizers look at a process from another one when it ends, and more.
void AddForTestBuilds(Filter* filter) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  for (const char* call : {"clone", "kill", "tgkill", "prctl", "wait4", "waitid", "ptrace",
                           "personality", "sched_setaffinity", "setrlimit", "getrlimit", "ioctl"})
    filter->Add(SCMP_ACT_ALLOW, call);
#else
  (void)filter;
#endif
}

constexpr bool kIsTestBuild =
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    true;
#else
    false;
#endif

void Fill(Role role, Filter* filter) {
  for (const List& list : ListsOf(role)) {
    for (std::size_t i = 0; i < list.size; ++i) {
      if (!Holds(Of(kConditional), list.names[i])) filter->Add(SCMP_ACT_ALLOW, list.names[i]);
    }
  }
  for (const char* call : kForbidden) {
    if (!kIsTestBuild ||
        (std::string_view(call) != "ptrace" && std::string_view(call) != "personality"))
      filter->Add(kForbid, call);
  }
  filter->Add(kForbid, Of(kIdentity));
  if (kIsTestBuild) return AddForTestBuilds(filter);
  for (const char* call : {"fork", "vfork"}) filter->Add(kForbid, call);
  AddThreads(filter);
  AddSignals(filter);
  if (role == Role::kKeys) return;
  AddSockets(filter);
  AddControl(filter);
}

// --- Landlock ----------------------------------------------------------------------------
// The kernel's numbers, as far as we use them: headers of the system may be older than it.

struct RulesetAttributes {
  std::uint64_t handled_access_fs = 0;
  std::uint64_t handled_access_net = 0;
  std::uint64_t scoped = 0;
};
struct __attribute__((packed)) PathBeneath {
  std::uint64_t allowed_access = 0;
  std::int32_t parent_fd = -1;
};
constexpr unsigned kVersionFlag = 1;
constexpr int kRulePathBeneath = 1;

enum Access : std::uint64_t {
  kExecute = 1u << 0,
  kWriteFile = 1u << 1,
  kRemoveDirectory = 1u << 4,
  kRemoveFile = 1u << 5,
  kMakeCharacterDevice = 1u << 6,
  kMakeDirectory = 1u << 7,
  kMakeRegular = 1u << 8,
  kMakeSocket = 1u << 9,
  kMakeFifo = 1u << 10,
  kMakeBlockDevice = 1u << 11,
  kMakeSymlink = 1u << 12,
  kRefer = 1u << 13,     // ABI 2
  kTruncate = 1u << 14,  // ABI 3
};
constexpr int kAbiRefer = 2, kAbiTruncate = 3, kAbiScopes = 6;
// Abstract Unix sockets and signals of processes outside.
constexpr std::uint64_t kScopes = 3;

constexpr std::uint64_t kAppend = kWriteFile | kMakeRegular;
constexpr std::uint64_t kReplace = kAppend | kRemoveFile | kMakeSocket | kTruncate;
constexpr std::uint64_t kStore = kReplace | kMakeDirectory | kRefer;
constexpr std::uint64_t kOfFiles = kExecute | kWriteFile | kTruncate;

std::uint64_t AccessFor(Writing how) {
  switch (how) {
    case Writing::kAppend:
      return kAppend;
    case Writing::kReplace:
      return kReplace;
    case Writing::kStore:
      return kStore;
  }
  return 0;
}

// What is limited. Without kRefer in the kernel, links from one directory to another are refused to
// everybody who has rules; Maildirs need them, so there are no rules then.
std::uint64_t Handled(int abi) {
  std::uint64_t all = kExecute | kRemoveDirectory | kMakeCharacterDevice | kMakeFifo |
                      kMakeBlockDevice | kMakeSymlink | kStore;
  if (abi < kAbiTruncate) all &= ~static_cast<std::uint64_t>(kTruncate);
  return all;
}

int LandlockAbi() {
  return static_cast<int>(::syscall(SYS_landlock_create_ruleset, nullptr, 0, kVersionFlag));
}

// The path, or what exists of the way to it.
std::string Existing(const std::string& path) {
  std::filesystem::path rest(path);
  std::error_code failed;
  while (!std::filesystem::exists(rest, failed) && rest.has_relative_path())
    rest = rest.parent_path();
  const auto real = std::filesystem::canonical(rest, failed);
  return failed ? rest.string() : real.string();
}

int AddPlace(int rules, const WrittenPlace& place, std::uint64_t handled) {
  const int fd = ::open(place.path.c_str(), O_PATH | O_CLOEXEC);
  if (fd < 0) return errno;
  struct stat info {};
  ::fstat(fd, &info);
  PathBeneath rule;
  rule.allowed_access = AccessFor(place.how) & handled;
  if (!S_ISDIR(info.st_mode)) rule.allowed_access &= kOfFiles;
  rule.parent_fd = fd;
  const long failed = ::syscall(SYS_landlock_add_rule, rules, kRulePathBeneath, &rule, 0);
  const int error = failed != 0 ? errno : 0;
  ::close(fd);
  return error;
}

bool IsBelow(std::string_view path, std::string_view directory) {
  if (!path.starts_with(directory)) return false;
  return path.size() == directory.size() || directory.ends_with('/') ||
         path[directory.size()] == '/';
}

}  // namespace

Filtered FilterSays(Role role, std::string_view call) {
  if (role == Role::kMaster)
    return Holds(Of(kForbidden), call) ? Filtered::kForbidden : Filtered::kAllowed;
  for (const List& list : ListsOf(role))
    if (Holds(list, call)) return Filtered::kAllowed;
  const bool forbidden = Holds(Of(kForbidden), call) || Holds(Of(kIdentity), call) ||
                         call == "fork" || call == "vfork";
  return forbidden ? Filtered::kForbidden : Filtered::kUnknown;
}

std::vector<std::string> AllowedCalls(Role role) {
  std::vector<std::string> names;
  for (const List& list : ListsOf(role))
    names.insert(names.end(), list.names, list.names + list.size);
  std::sort(names.begin(), names.end());
  return names;
}

std::string FilterCalls(Role role) {
  // A master starts processes that do all that starting needs: it is kept from the worst only.
  Filter filter(role == Role::kMaster ? SCMP_ACT_ALLOW : kPretendMissing);
  if (role == Role::kMaster)
    filter.Add(kForbid, Of(kForbidden));
  else
    Fill(role, &filter);
  filter.Load();
  return filter.error() == 0 ? "" : std::string("seccomp: ") + std::strerror(filter.error());
}

FileRules::Entered FileRules::Enter(const std::vector<WrittenPlace>& places) {
  Entered entered;
  entered.abi = LandlockAbi();
  if (entered.abi < kAbiRefer) {
    entered.trouble = entered.abi < 0 ? std::strerror(errno) : "this kernel's is too old";
    entered.abi = 0;
    return entered;
  }
  RulesetAttributes attributes;
  attributes.handled_access_fs = Handled(entered.abi);
  if (entered.abi >= kAbiScopes) attributes.scoped = kScopes;
  const std::size_t size = entered.abi >= kAbiScopes ? sizeof attributes : sizeof(std::uint64_t);
  const int rules = static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, size, 0));
  int error = rules < 0 ? errno : 0;
  places_ = places;
  places_.push_back({"/dev/null", Writing::kAppend, ""});
  if (&__gcov_dump != nullptr) places_.push_back({"/", Writing::kStore, ""});
  for (WrittenPlace& place : places_) {
    place.path = Existing(place.path);
    if (error == 0) error = AddPlace(rules, place, attributes.handled_access_fs);
    if (error != 0 && entered.trouble.empty())
      entered.trouble = place.path + ": " + std::strerror(error);
  }
  if (error == 0 && ::syscall(SYS_landlock_restrict_self, rules, 0) != 0) {
    error = errno;
    entered.trouble = std::strerror(error);
  }
  if (rules >= 0) ::close(rules);
  if (error != 0) entered.abi = 0;
  entered_ = error == 0;
  return entered;
}

std::string FileRules::Missing(const std::vector<WrittenPlace>& places) const {
  if (!entered_) return "";
  for (const WrittenPlace& place : places) {
    const std::string path = Existing(place.path);
    const bool covered =
        std::any_of(places_.begin(), places_.end(), [&](const WrittenPlace& there) {
          return there.how >= place.how && IsBelow(path, there.path);
        });
    if (!covered)
      return "the sandbox of the running process has no writing to \"" + Printable(place.path) +
             "\" (" + place.option + "): a restart gives it that";
  }
  return "";
}

std::string FileRules::Describe() const {
  std::vector<std::string> paths;
  for (const WrittenPlace& place : places_)
    if (!place.option.empty()) paths.push_back(place.path);
  std::sort(paths.begin(), paths.end());
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
  std::string text;
  for (const std::string& path : paths) text += (text.empty() ? "" : ", ") + path;
  return text;
}

}  // namespace signet::server
