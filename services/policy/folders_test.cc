// Folders that decide about permission, with links and `..` followed.
#include "services/policy/folders.h"

#include "gmock/gmock.h"
#include "lib/testing/temp_folder.h"

namespace zane::policy {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class FoldersTest : public ::testing::Test {
 protected:
  FoldersTest() {
    for (const char* folder : {"home/keys", "home2", "work/project"}) fs::create_directories(temp_ / folder);
    fs::create_directory_symlink(temp_ / "home", temp_ / "work/link");
    fs::create_directory_symlink(temp_.path(), temp_ / "work/up");
    fs::create_directory_symlink("../../home/keys", temp_ / "work/project/relative");
  }
  bool reaches(const std::string& root) { return overlaps(temp_ / root, temp_ / "home"); }
  zane::testing::TempFolder temp_;
};

TEST_F(FoldersTest, ThreadsMayNotWriteWhereTheKeysAre) {
  for (const char* root :
       {"home", "home/", "home/keys", "home/keys/not-yet/made", "", "home/../home", "work/../home/keys"})
    EXPECT_TRUE(reaches(root)) << root;
  EXPECT_TRUE(overlaps("/", temp_ / "home"));
  EXPECT_TRUE(overlaps(temp_.path().parent_path(), temp_ / "home"));
}

TEST_F(FoldersTest, NorThroughALink) {
  for (const char* root : {"work/link", "work/link/keys", "work/up", "work/up/home", "work/project/relative",
                           "work/link/../home/keys", "work/project/relative/.."})
    EXPECT_TRUE(reaches(root)) << root;
}

TEST_F(FoldersTest, ProtectedThroughALinkIsTheSamePlace) {
  EXPECT_TRUE(overlaps(temp_ / "home/keys", temp_ / "work/link"));
  EXPECT_FALSE(overlaps(temp_ / "work/project", temp_ / "work/link"));
}

TEST_F(FoldersTest, NeighboursAreNoneOfIt) {
  for (const char* root : {"home2", "work/project", "hom", "home.bak", "home/../home2", "work/link/../home2"})
    EXPECT_FALSE(reaches(root)) << root;
}

TEST_F(FoldersTest, TasksStartWithinTheAllowedFolders) {
  const std::vector<std::string> allowed = {(temp_ / "work").string()};
  for (const char* inside : {"work", "work/", "work/project", "work/not-yet", "work/project/../project"})
    EXPECT_TRUE(is_within(temp_ / inside, allowed)) << inside;
  for (const char* outside :
       {"", "home", "worker", "work/..", "work/../home", "work/link", "work/up", "work/up/work/../home"})
    EXPECT_FALSE(is_within(temp_ / outside, allowed)) << outside;
  EXPECT_FALSE(is_within(temp_ / "work", {}));
  EXPECT_TRUE(is_within(temp_ / "work", {(temp_ / "home").string(), (temp_ / "home/../work/").string()}));
}

TEST_F(FoldersTest, ATildeIsTheUsersOwnFolder) {
  const char* before = std::getenv("HOME");
  const std::string kept = before ? before : "";
  ::setenv("HOME", temp_.path().c_str(), 1);
  EXPECT_TRUE(is_within(temp_ / "work/project", {"~/work"}));
  EXPECT_FALSE(is_within(temp_ / "home", {"~/work"}));
  EXPECT_TRUE(is_within(temp_ / "home", {"~"}));
  if (before)
    ::setenv("HOME", kept.c_str(), 1);
  else
    ::unsetenv("HOME");
}

TEST(WritableFoldersTest, AreFoundWhereverParametersNameThem) {
  const auto found = [](const char* params) {
    return writable_folders_in(boost::json::parse(params).as_object());
  };
  EXPECT_THAT(found(R"({"cwd":"/a"})"), ElementsAre("/a"));
  EXPECT_THAT(found(R"({"runtimeWorkspaceRoots":["/a","/b",7]})"), ElementsAre("/a", "/b"));
  EXPECT_THAT(found(R"({"sandboxPolicy":{"type":"workspaceWrite","writableRoots":["/a"]}})"),
              ElementsAre("/a"));
  EXPECT_THAT(found(R"({"environments":[{"cwd":"/a","runtimeWorkspaceRoots":["/b"]},7]})"),
              ElementsAre("/a", "/b"));
  EXPECT_THAT(
      found(
          R"({"config":{"sandbox_workspace_write.writable_roots":["/a"],"sandbox_workspace_write":{"writable_roots":["/b"]}}})"),
      ElementsAre("/a", "/b"));
  EXPECT_THAT(found(R"({"threadId":"t"})"), IsEmpty());
}

TEST(OpenedFoldersTest, AreFoundInWhateverCodexAsksFor) {
  const auto found = [](const std::string& params) {
    return folders_opened_by(boost::json::parse(params).as_object());
  };
  const auto entry = [&](const std::string& path, const std::string& access = "write") {
    return found(R"({"permissions":{"fileSystem":{"entries":[{"access":")" + access + R"(","path":)" + path +
                 "}]}}}");
  };
  EXPECT_THAT(found(R"({"permissions":{"fileSystem":{"read":["/a"],"write":["/b"]}}})"),
              ElementsAre("/a", "/b"));
  EXPECT_THAT(found(R"({"additionalPermissions":{"fileSystem":{"write":["/b"]}}})"), ElementsAre("/b"));
  EXPECT_THAT(found(R"({"grantRoot":"/a"})"), ElementsAre("/a"));
  EXPECT_THAT(entry(R"({"type":"path","path":"/a"})"), ElementsAre("/a"));
  EXPECT_THAT(entry(R"({"type":"path","path":"/a"})", "read"), ElementsAre("/a"));
  EXPECT_THAT(entry(R"({"type":"path","path":"/a"})", "deny"), IsEmpty());
  EXPECT_THAT(entry(R"({"type":"glob_pattern","pattern":"/a/b*/c"})"), ElementsAre("/a/"));
  EXPECT_THAT(entry(R"({"type":"glob_pattern","pattern":"/a/b"})"), ElementsAre("/a/b"));
  EXPECT_THAT(entry(R"({"type":"glob_pattern","pattern":"*"})"), ElementsAre("/"));
  EXPECT_THAT(entry(R"({"type":"special","value":{"kind":"slash_tmp"}})"), ElementsAre("/tmp"));
  EXPECT_THAT(entry(R"({"type":"special","value":{"kind":"project_roots","subpath":null}})"), IsEmpty());
  for (const char* unknown : {R"({"type":"special","value":{"kind":"root"}})",
                              R"({"type":"special","value":{"kind":"unknown","path":"x"}})",
                              R"({"type":"tomorrow"})", R"({})", R"({"type":"path"})"})
    EXPECT_THAT(entry(unknown), ElementsAre("/")) << unknown;
  EXPECT_THAT(found(R"({"permissions":{"fileSystem":{"entries":[7]}}})"), ElementsAre("/"));
  EXPECT_THAT(found(R"({"permissions":{"network":{"enabled":true}}})"), IsEmpty());
}

}  // namespace
}  // namespace zane::policy
