#include "test/support/footprint.h"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <sstream>

#include "test/support/process.h"

namespace signet::test {
namespace {

ProcessStatus StatusOf(pid_t pid) {
  ProcessStatus status;
  const std::string stat = ReadFile("/proc/" + std::to_string(pid) + "/stat");
  // "PID (NAME) STATE PARENT GROUP …"; a name may hold anything but ends with the last ")".
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return status;
  std::istringstream fields(stat.substr(name_end + 2));
  std::string skipped;
  double own[2] = {}, children[2] = {};
  fields >> skipped >> status.parent >> status.group;
  for (int i = 6; i < 14; ++i) fields >> skipped;
  fields >> own[0] >> own[1] >> children[0] >> children[1];
  status.waited_for_seconds =
      (children[0] + children[1]) / static_cast<double>(sysconf(_SC_CLK_TCK));
  return status;
}

int CountEntries(const std::string& directory) {
  std::error_code gone;
  int count = 0;
  for (auto at = std::filesystem::directory_iterator(directory, gone);
       !gone && at != std::filesystem::directory_iterator(); at.increment(gone))
    ++count;
  return count;
}

double PssKib(pid_t pid) {
  const std::string text = ReadFile("/proc/" + std::to_string(pid) + "/smaps_rollup");
  const std::size_t at = text.find("\nPss:");
  return at == std::string::npos ? 0 : std::atof(text.c_str() + at + 5);
}

}  // namespace

std::map<pid_t, ProcessStatus> AllProcesses() {
  std::map<pid_t, ProcessStatus> all;
  if (DIR* directory = opendir("/proc")) {
    while (const dirent* entry = readdir(directory))
      if (const int pid = std::atoi(entry->d_name); pid > 0) all[pid] = StatusOf(pid);
    closedir(directory);
  }
  return all;
}

std::map<pid_t, ProcessStatus> ProcessTree(pid_t root) {
  const std::map<pid_t, ProcessStatus> all = AllProcesses();
  std::map<pid_t, ProcessStatus> tree;
  if (const auto at = all.find(root); at != all.end()) tree.insert(*at);
  for (bool grown = true; grown;) {
    grown = false;
    for (const auto& [pid, status] : all) {
      const bool adopted = status.parent == getpid() && status.group == root;
      if (tree.count(status.parent) == 0 && !adopted) continue;
      grown = tree.insert({pid, status}).second || grown;
    }
  }
  return tree;
}

Footprint FootprintOf(pid_t root) {
  Footprint sum;
  for (const auto& [pid, status] : ProcessTree(root)) {
    const std::string base = "/proc/" + std::to_string(pid);
    const std::string maps = ReadFile(base + "/maps");
    sum.processes.push_back(pid);
    sum.pss_kib += PssKib(pid);
    sum.threads += CountEntries(base + "/task");
    sum.descriptors += CountEntries(base + "/fd");
    sum.mappings += static_cast<int>(std::count(maps.begin(), maps.end(), '\n'));
  }
  return sum;
}

}  // namespace signet::test
