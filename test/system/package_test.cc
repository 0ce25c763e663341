// The Debian packages: what is in them, and what becomes of a fresh Debian in which one is
// installed, given five lines of configuration, used and purged.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "test/support/authority.h"
#include "test/support/process.h"
#include "test/support/smtp_client.h"
#include "test/support/upstream.h"

namespace signet::test {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;

constexpr seconds kLong{280};  // making a Debian, downloading packages

Finished Shell(const std::string& command, seconds limit = kLong) {
  return test::Run({"/bin/bash", "-c", command}, {}, limit);
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// Packages of the program under test, made once.
class Packages {
 public:
  static const Packages& Get() {
    static const Packages packages;
    return packages;
  }
  const std::string& failure() const { return failure_; }
  std::string File(const std::string& package) const {
    for (const auto& entry : fs::directory_iterator(directory_)) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with(package + "_") && name.ends_with(".deb")) return entry.path().string();
    }
    return "";
  }
  std::string changes() const { return Shell("ls " + directory_ + "/*.changes").output; }
  const std::string& directory() const { return directory_; }

 private:
  Packages() : directory_(fs::absolute(BuildDirectory() + "/packages").string()) {
    const Finished made = test::Run({ProjectRoot() + "/doc/deploy/debian/make-packages", directory_,
                                     fs::absolute(SignetProgram()).string()},
                                    {}, kLong);
    if (made.status != 0) failure_ = made.output;
  }
  std::string directory_, failure_;
};

bool IsRelease() { return BuildDirectory().ends_with("release"); }
bool Has(const char* program) { return Shell("command -v " + std::string(program)).status == 0; }

#define NEED_PACKAGES()                                                         \
  if (!IsRelease()) GTEST_SKIP() << "packages are made of the release variant"; \
  if (!Has("dpkg-buildpackage") || !Has("dh") || !Has("dh_apparmor"))           \
    GTEST_SKIP() << "not a Debian with debhelper: no packages";                 \
  ASSERT_EQ(Packages::Get().failure(), "")

// --- what is in them ----------------------------------------------------------------------

struct Entry {
  std::string mode, owner;
};
// Path, with "/" first → mode and owner.
std::map<std::string, Entry> Contents(const std::string& package) {
  std::map<std::string, Entry> contents;
  for (const std::string& line :
       Lines(Shell("dpkg-deb -c " + Packages::Get().File(package)).output)) {
    std::istringstream words(line);
    Entry entry;
    std::string size, date, time, path;
    words >> entry.mode >> entry.owner >> size >> date >> time >> path;
    contents[path.substr(1)] = entry;
  }
  return contents;
}

TEST(Package, HasWhatARunningGatewayNeeds) {
  NEED_PACKAGES();
  const auto contents = Contents("signet");
  for (const char* path :
       {"/usr/sbin/signet", "/etc/signet/signet.conf", "/lib/systemd/system/signet.service",
        "/lib/systemd/system/signet.socket", "/etc/logrotate.d/signet", "/etc/apparmor.d/signet",
        "/usr/lib/sysctl.d/30-signet.conf", "/usr/lib/tmpfiles.d/signet.conf",
        "/usr/share/man/man8/signet.8.gz", "/usr/share/man/man5/signet.conf.5.gz",
        "/usr/share/man/man7/signet-expansion.7.gz",
        "/usr/share/bash-completion/completions/signet",
        "/usr/share/zsh/vendor-completions/_signet",
        "/usr/share/fish/vendor_completions.d/signet.fish", "/usr/share/doc/signet/copyright"})
    EXPECT_EQ(contents.count(path), 1u) << path;
  const auto dev = Contents("signet-dev");
  for (const char* path : {"/usr/include/signet/driver.h", "/usr/include/signet/driver_cpp.h",
                           "/usr/share/pkgconfig/signet.pc"})
    EXPECT_EQ(dev.count(path), 1u) << path;
  const auto doc = Contents("signet-doc");
  for (const char* path :
       {"/usr/share/doc/signet/README.md", "/usr/share/doc/signet/deploy/systemd/signet.service",
        "/usr/share/doc/signet/examples/exim-manual.conf"})
    EXPECT_EQ(doc.count(path), 1u) << path;
}

TEST(Package, HasNoFileThatOthersMayWriteOrThatGivesRights) {
  NEED_PACKAGES();
  for (const char* package : {"signet", "signet-dev", "signet-doc"}) {
    const auto contents = Contents(package);
    EXPECT_FALSE(contents.empty());
    for (const auto& [path, entry] : contents) {
      EXPECT_EQ(entry.owner, "root/root") << path;
      const bool program = path == "/usr/sbin/signet" || entry.mode[0] == 'd';
      EXPECT_EQ(entry.mode.substr(1), program ? "rwxr-xr-x" : "rw-r--r--") << path;
    }
  }
}

TEST(Package, HasNoKey) {
  NEED_PACKAGES();
  for (const char* package : {"signet", "signet-dev", "signet-doc"}) {
    const TempDir directory;
    ASSERT_EQ(test::Run({"dpkg-deb", "-x", Packages::Get().File(package), directory.path()}).status,
              0);
    EXPECT_EQ(Shell("grep -rlE 'BEGIN ([A-Z]+ )?PRIVATE KEY' --exclude=signet --exclude='*.md' " +
                    directory.path())
                  .output,
              "");
  }
}

TEST(Package, MakesOnlyFilesBelowEtcConfiguration) {
  NEED_PACKAGES();
  const std::string listed =
      Shell("dpkg-deb -I " + Packages::Get().File("signet") + " conffiles").output;
  std::set<std::string> conffiles, below_etc;
  for (const std::string& line : Lines(listed)) conffiles.insert(line);
  for (const auto& [path, entry] : Contents("signet"))
    if (path.starts_with("/etc/") && entry.mode[0] == '-') below_etc.insert(path);
  EXPECT_EQ(conffiles, below_etc);
}

TEST(Package, DependsOnTheLibrariesThatTheProgramLoads) {
  NEED_PACKAGES();
  const std::string depends =
      test::Run({"dpkg-deb", "-f", Packages::Get().File("signet"), "Depends"}).output;
  for (const char* library : {"libgnutls30", "libldap-2.5-0", "libpcre2-8-0", "libc6 (>="})
    EXPECT_THAT(depends, HasSubstr(library));
}

TEST(Package, IsBuiltFromWhatThePackagesForBuildingAre) {
  const std::string control = ReadFile(ProjectRoot() + "/doc/deploy/debian/control");
  const std::string list = ReadFile(ProjectRoot() + "/test/support/packages.sh");
  for (const std::string& line : Lines(list)) {
    std::istringstream words(line);
    std::string tier, package;
    words >> tier >> package;
    // What build-essential has is not named.
    if (tier != "build" || package == "g++" || package == "binutils" || package == "libc6-dev")
      continue;
    EXPECT_THAT(control, HasSubstr("               " + package)) << "Build-Depends";
  }
}

TEST(Package, IsCleanForLintian) {
  NEED_PACKAGES();
  if (!Has("lintian")) GTEST_SKIP() << "lintian is not installed";
  const Finished checked = Shell("lintian --fail-on error,warning " + Packages::Get().changes());
  EXPECT_EQ(checked.status, 0) << checked.output;
  EXPECT_EQ(Shell("dpkg-deb -c " + Packages::Get().File("signet") + " | grep lintian").output, "")
      << "nothing is overridden";
}

// --- files for the system -------------------------------------------------------------------

TEST(Deployment, UnitScoresBelowTwo) {
  if (!Has("systemd-analyze")) GTEST_SKIP() << "systemd-analyze is not installed";
  const Finished scored =
      test::Run({"systemd-analyze", "security", "--offline=yes", "--threshold=20", "--no-pager",
                 ProjectRoot() + "/doc/deploy/systemd/signet.service"});
  EXPECT_EQ(scored.status, 0) << scored.output;
  EXPECT_THAT(scored.output, HasSubstr("Overall exposure level"));
}

TEST(Deployment, UnitsHaveNoSettingThatSystemdDoesNotKnow) {
  if (!Has("systemd-analyze")) GTEST_SKIP() << "systemd-analyze is not installed";
  for (const auto& entry : fs::directory_iterator(ProjectRoot() + "/doc/deploy/systemd")) {
    const Finished verified =
        test::Run({"systemd-analyze", "verify", "--man=no", entry.path().string()});
    for (const std::string& line : Lines(verified.output)) {
      if (line.find("signet") == std::string::npos) continue;  // about this machine
      EXPECT_THAT(line, HasSubstr("is not executable")) << "only the program is not there";
    }
  }
}

// MemoryDenyWriteExecute=: patterns are interpreted where they cannot become machine code.
TEST(Deployment, PatternsMatchWhereNoMemoryIsWrittenAndExecuted) {
  constexpr char kDeny[] =
      "import ctypes, os, sys\n"
      "sys.exit(77) if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0) != 0 else None\n"  // PR_SET_MDWE
      "os.execv(sys.argv[1], sys.argv[1:])\n";
  const TempDir directory;
  WriteFile(directory / "signet.conf", "");
  const Finished matched =
      test::Run({"python3", "-c", kDeny, SignetProgram(), "expand", "-C", directory / "signet.conf",
                 "${if match{abc}{^a(.)c}{$1}{no}}"});
  if (matched.status == 77) GTEST_SKIP() << "NOT TESTED: this kernel cannot deny it (PR_SET_MDWE)";
  EXPECT_EQ(matched.output, "b\n");
}

TEST(Deployment, AppArmorProfileParses) {
  if (!Has("apparmor_parser")) GTEST_SKIP() << "apparmor_parser is not installed";
  const Finished parsed =
      test::Run({"apparmor_parser", "-Q", "-K", ProjectRoot() + "/doc/deploy/apparmor"});
  EXPECT_EQ(parsed.status, 0) << parsed.output;
}

TEST(Deployment, UninstallRemovesWhatInstallPutAndNothingElse) {
  const TempDir directory;
  const std::string make = "cd " + ProjectRoot() +
                           " && env -u MAKEFLAGS -u MAKELEVEL make NO_DEPS=1 " +
                           "NO_BUILD=1 VARIANT=" + fs::path(BuildDirectory()).filename().string() +
                           " DESTDIR=" + directory.path() + " PREFIX=/usr/local ";
  ASSERT_EQ(Shell(make + "install").status, 0);
  const std::string files = "find " + directory.path() + " -type f | sort";
  EXPECT_GT(Lines(Shell(files).output).size(), 80u);
  const std::string own = directory / "usr/local/share/doc/signet/mine";
  WriteFile(own, "somebody's");
  ASSERT_EQ(Shell(make + "uninstall").status, 0);
  EXPECT_EQ(Shell(files).output, own + "\n");
  EXPECT_TRUE(fs::exists(directory / "usr/local/sbin")) << "which was not ours to make";
  EXPECT_FALSE(fs::exists(directory / "usr/local/include/signet"));
}

// --- a fresh Debian -------------------------------------------------------------------------

// `NAME=…` lines of the unit's section Service; later ones are appended with a blank.
std::map<std::string, std::string> ReadUnit(const std::string& path) {
  std::map<std::string, std::string> settings;
  for (const std::string& line : Lines(ReadFile(path))) {
    const std::size_t equals = line.find('=');
    if (line.empty() || line[0] == '#' || equals == std::string::npos) continue;
    std::string& value = settings[line.substr(0, equals)];
    value += (value.empty() ? "" : " ") + line.substr(equals + 1);
  }
  return settings;
}

// A Debian of our own in a directory: its files are laid over those of one that is kept, so
// what is written is gone with it.
class FreshDebian {
 public:
  // `why` says what is missing where it cannot be.
  explicit FreshDebian(std::string* why) {
    const std::string kept = fs::absolute(ProjectRoot() + "/build/fresh-debian").string();
    const Finished made = test::Run(
        {ProjectRoot() + "/test/support/fresh_debian.sh", kept, Packages::Get().File("signet")}, {},
        kLong);
    if (made.status != 0) {
      *why = made.output;
      return;
    }
    // Mounts of our own, which end with this process; the network stays until Isolate().
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
      *why = std::string("no mounts of our own: ") + std::strerror(errno);
      return;
    }
    work_ = fs::absolute(BuildDirectory() + "/fresh-debian").string();
    fs::remove_all(work_);
    fs::create_directories(root());
    fs::create_directories(work_ + "/upper");
    fs::create_directories(work_ + "/scratch");
    const std::string layers =
        "lowerdir=" + kept + "/base,upperdir=" + work_ + "/upper,workdir=" + work_ + "/scratch";
    if (::mount("overlay", root().c_str(), "overlay", 0, layers.c_str()) != 0)
      Shell("cp -a " + kept + "/base/. " + root());
    ::mount("proc", (root() + "/proc").c_str(), "proc", 0, nullptr);
  }
  ~FreshDebian() {
    if (work_.empty()) return;
    ::umount2((root() + "/proc").c_str(), MNT_DETACH);
    ::umount2(root().c_str(), MNT_DETACH);
    fs::remove_all(work_);
  }

  std::string root() const { return work_ + "/root"; }
  std::string operator/(const std::string& path) const { return root() + "/" + path; }
  Finished Do(const std::string& command) const {
    return test::Run({"chroot", root(), "/bin/sh", "-c",
                      "export DEBIAN_FRONTEND=noninteractive LC_ALL=C; " + command},
                     {}, kLong);
  }
  std::vector<std::string> Files() const {
    return Lines(Do("find / -xdev -path /proc -prune -o -path /tmp/packages -prune -o -print | "
                    "LC_ALL=C sort")
                     .output);
  }

 private:
  std::string work_;
};

// From here on this process and those that it starts have a network of their own, where ports
// 25, 465 and 587 are free.
std::string IsolateNetwork() {
  if (::unshare(CLONE_NEWNET) != 0) return std::strerror(errno);
  const int fd = ::socket(AF_INET, SOCK_DGRAM, 0);
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  const int failed = ::ioctl(fd, SIOCSIFFLAGS, &request);
  ::close(fd);
  return failed == 0 ? "" : std::strerror(errno);
}

// Does what systemd does with the unit, as far as that goes without it: its directories, its
// user, its capabilities, its command, and waiting for READY=1.
class Started {
 public:
  Started(const FreshDebian& debian, const std::string& unit_file) : unit_(ReadUnit(unit_file)) {
    Directory(debian, "/run/" + unit_["RuntimeDirectory"], "755");
    Directory(debian, "/var/lib/" + unit_["StateDirectory"], unit_["StateDirectoryMode"]);
    Directory(debian, "/var/log/" + unit_["LogsDirectory"], unit_["LogsDirectoryMode"]);
    Process::Options options;
    if (unit_["Type"] == "notify") {
      ListenForReady(debian);
      options.environment.push_back("NOTIFY_SOCKET=/run/notify");
    }
    std::string drop = "-all";
    for (std::string name : Words(unit_["AmbientCapabilities"])) {
      std::transform(name.begin(), name.end(), name.begin(), ::tolower);
      drop += ",+" + name.substr(std::strlen("cap_"));
    }
    std::vector<std::string> words{"chroot", debian.root(), "/usr/bin/env", "-i"};
    for (const std::string& variable : options.environment) words.push_back(variable);
    for (const std::string& word :
         {std::string("/usr/bin/setpriv"), "--reuid=" + unit_["User"], "--regid=" + unit_["Group"],
          std::string("--init-groups"), std::string("--no-new-privs"), "--bounding-set=" + drop,
          "--inh-caps=" + drop, "--ambient-caps=" + drop})
      words.push_back(word);
    for (const std::string& word : Words(unit_["ExecStart"])) words.push_back(word);
    process_ = std::make_unique<Process>(words);
  }
  ~Started() {
    if (ready_ >= 0) ::close(ready_);
  }

  bool WaitUntilReady() {
    if (ready_ < 0) return WaitUntil([] { return SomebodyListens(587); });
    const bool said = WaitUntil([this] {
      char text[1024];
      const ssize_t size = ::recv(ready_, text, sizeof text, MSG_DONTWAIT);
      return size > 0 && std::string_view(text, static_cast<std::size_t>(size)).find("READY=1") !=
                             std::string_view::npos;
    });
    return said && SomebodyListens(587);
  }
  Process& process() { return *process_; }
  const std::string& unit(const std::string& name) { return unit_[name]; }
  int Stop() {
    process_->Signal(SIGTERM);
    return process_->Wait();
  }

 private:
  static std::vector<std::string> Words(const std::string& text) {
    std::istringstream in(text);
    return {std::istream_iterator<std::string>(in), {}};
  }
  void Directory(const FreshDebian& debian, const std::string& path, const std::string& mode) {
    debian.Do("install -d -o " + unit_["User"] + " -g " + unit_["Group"] + " -m " + mode + " " +
              path);
  }
  void ListenForReady(const FreshDebian& debian) {
    ready_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    // The path may be longer than an address can be.
    const fs::path here = fs::current_path();
    fs::current_path(debian / "run");
    ::unlink("notify");
    std::strcpy(address.sun_path, "notify");
    EXPECT_EQ(::bind(ready_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    fs::permissions("notify", fs::perms::all);
    fs::current_path(here);
  }
  std::map<std::string, std::string> unit_;
  int ready_ = -1;
  std::unique_ptr<Process> process_;
};

// What installing and removing leaves in any Debian: what dpkg and apt remember and log, caches
// that others keep, and copies of the lists of users that tools make before they change them.
bool IsSystemsMemory(const std::string& path) {
  for (const char* prefix :
       {"/var/lib/dpkg/", "/var/lib/apt/", "/var/cache/", "/var/log/apt/", "/var/log/dpkg.log",
        "/var/log/alternatives.log", "/var/log/lastlog", "/var/log/faillog", "/var/lib/pam/",
        "/etc/passwd-", "/etc/group-", "/etc/shadow-", "/etc/gshadow-", "/etc/subuid-",
        "/etc/subgid-", "/etc/.pwd.lock", "/run/adduser", "/var/lib/systemd", "/root/"})
    if (path.starts_with(prefix)) return true;
  return false;
}

// Takes the # from the five lines, and puts the files that they name in place as the manual says.
void ConfigureByFiveLines(const FreshDebian& debian, const Authority& authority, int upstream) {
  const std::string file = debian / "etc/signet/signet.conf";
  const std::regex line("#([A-Z]+(_[A-Z]+)* = .*)");
  std::string text;
  int lines = 0;
  for (const std::string& old : Lines(ReadFile(file))) {
    const bool ours = std::regex_match(old, line);
    lines += ours;
    text += old.substr(ours) + '\n';
  }
  EXPECT_EQ(lines, 5);
  WriteFile(file, Replace(text, "127.0.0.1::25", "127.0.0.1::" + std::to_string(upstream)));
  const std::string place = debian / "tmp/packages/";
  for (const auto& [from, to] : {std::pair{authority.pem("server"), "server.pem"},
                                 {authority.key("server"), "server.key"},
                                 {authority.chain(), "client-ca.pem"}})
    fs::copy_file(from, place + to);
  const Finished done = debian.Do(
      "cd /tmp/packages && install -o signet -g signet -m 400 server.key /etc/signet/server.key && "
      "install -m 644 server.pem client-ca.pem /etc/signet/ && signet check");
  EXPECT_EQ(done.status, 0) << done.output;
}

// What the kernel says of the process that has the port.
void ExpectHardened(pid_t pid) {
  const std::string status = ReadFile("/proc/" + std::to_string(pid) + "/status");
  EXPECT_THAT(status, HasSubstr("NoNewPrivs:\t1"));
  EXPECT_THAT(status, Not(HasSubstr("Uid:\t0")));
  // CAP_NET_BIND_SERVICE is the eleventh.
  EXPECT_THAT(status, HasSubstr("CapBnd:\t0000000000000400"));
  EXPECT_THAT(status, Not(HasSubstr("Groups:\t0")));
}

// `apt install ./signet_*.deb` and five lines.
TEST(FreshDebian, PackageIsInstalledStartedUsedAndRemovedWithoutATrace) {
  NEED_PACKAGES();
  if (::geteuid() != 0) GTEST_SKIP() << "NOT TESTED: only root can make a Debian in a directory";
  std::string missing;
  const FreshDebian debian(&missing);
  if (!missing.empty()) GTEST_SKIP() << "NOT TESTED: no fresh Debian: " << missing;

  // Others' packages first: what they leave behind is theirs.
  const std::string depends =
      test::Run({"dpkg-deb", "-f", Packages::Get().File("signet"), "Depends"}).output;
  const Finished satisfied =
      debian.Do("apt-get -qq -y satisfy '" + depends.substr(0, depends.find('\n')) + "'");
  ASSERT_EQ(satisfied.status, 0) << satisfied.output;
  const std::vector<std::string> before = debian.Files();
  const std::string users = ReadFile(debian / "etc/passwd"),
                    groups = ReadFile(debian / "etc/group");
  fs::create_directories(debian / "tmp/packages");
  fs::copy(Packages::Get().File("signet"), debian / "tmp/packages");
  const Finished installed = debian.Do("apt-get -qq -y install /tmp/packages/signet_*.deb");
  ASSERT_EQ(installed.status, 0) << installed.output;
  EXPECT_THAT(debian.Do("id signet").output, HasSubstr("(signet)"));
  EXPECT_EQ(debian.Do("stat -c '%U:%G %a' /etc/signet/signet.conf /var/log/signet").output,
            "root:signet 640\nsignet:signet 750\n");

  if (const std::string why = IsolateNetwork(); !why.empty())
    GTEST_SKIP() << "NOT TESTED further: no network of our own: " << why;
  const std::string unit = debian / "lib/systemd/system/signet.service";
  Authority authority;
  authority.Issue("alice", testing::ClientSpec());
  {
    // As installed: no TLS, no mail.
    Started started(debian, unit);
    ASSERT_TRUE(started.WaitUntilReady()) << started.process().Output();
    SmtpClient client(587);
    EXPECT_THAT(client.Say("EHLO client.example"), Not(HasSubstr("STARTTLS")));
    client.Say("MAIL FROM:<>");
    client.Say("RCPT TO:<bob@example.net>");
    EXPECT_EQ(client.code() / 100, 5) << client.reply();
    EXPECT_EQ(started.Stop(), 0) << started.process().Output();
  }

  Upstream upstream;
  ConfigureByFiveLines(debian, authority, upstream.port());
  {
    Started started(debian, unit);
    ASSERT_TRUE(started.WaitUntilReady()) << started.process().Output();
    const std::string log = debian / "var/log/signet/mainlog";

    SmtpClient alice(587);
    EXPECT_THAT(alice.Begin(authority.pem("alice"), authority.key("alice")), HasSubstr("250"));
    EXPECT_THAT(
        alice.Submit("alice@example.org", "bob@example.net", "Subject: five lines\r\n\r\n.."),
        HasSubstr("250"));
    EXPECT_TRUE(upstream.WaitForMessages(1));
    EXPECT_TRUE(WaitUntil([&] {
      return ReadFile(log).find("A=tls:alice@example.org") != std::string::npos;
    })) << ReadFile(log);

    SmtpClient nobody(587);
    EXPECT_THAT(nobody.Begin(), HasSubstr("250"));
    EXPECT_EQ(nobody.Submit("alice@example.org", "bob@example.net", "Subject: none\r\n\r\n."),
              "550 5.7.1 sending needs a client certificate");
    EXPECT_EQ(upstream.messages().size(), 1u);

    ExpectHardened(started.process().pid());
    EXPECT_EQ(debian.Do("signet status").status, 0) << debian.Do("signet status").output;
    const Finished reloaded = debian.Do(started.unit("ExecReload"));
    EXPECT_EQ(reloaded.status, 0) << reloaded.output;
    EXPECT_EQ(started.Stop(), 0) << started.process().Output();
  }

  // The administrator's own files, and what the package has brought.
  fs::remove_all(debian / "run/signet");  // with the unit's end
  fs::remove(debian / "run/notify");      // ours
  for (const char* own : {"server.pem", "server.key", "client-ca.pem"})
    fs::remove(debian / (std::string("etc/signet/") + own));
  const Finished removed = debian.Do("apt-get -qq -y purge signet");
  ASSERT_EQ(removed.status, 0) << removed.output;
  std::vector<std::string> left;
  for (const std::string& path : debian.Files()) {
    if (!std::binary_search(before.begin(), before.end(), path) && !IsSystemsMemory(path))
      left.push_back(path);
  }
  EXPECT_THAT(left, IsEmpty());
  EXPECT_THAT(debian.Do("dpkg -l | grep signet").output, "");
  EXPECT_EQ(ReadFile(debian / "etc/passwd"), users);
  EXPECT_EQ(ReadFile(debian / "etc/group"), groups);
}

}  // namespace
}  // namespace signet::test
