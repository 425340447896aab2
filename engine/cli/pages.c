#include <string.h>

#include "engine/cli/manual.h"

static const struct manual_page pages[] = {
    {"init",
     "Installs the schema \"backups\" in a database, or brings an older one up to date: presets, what "
     "was backed up when, copies inside the database, and their retention. Rows and copies that are "
     "there stay.\n"
     "It can be run as often as one likes. --print prints the SQL, as a migration of Supabase's.",
     "",
     {{"Install it", "larder init -d kitchai"},
      {"As a migration", "larder init --print > supabase/migrations/larder.sql"}},
     "export"},
    {"export",
     "Streams the tables of a preset, or those named with -t, out of a database into one compressed "
     "and checksummed archive. All tables are locked first and read from one snapshot, by several "
     "connections at once. The archive appears under its name when it is complete and durable, or "
     "not at all.\n"
     "PRESET is a row of backups.presets in the source, or a section of larder.conf. Patterns are those "
     "of psql: 'public.*'; one that begins with ! leaves out.\n"
     "A role that row level security limits is refused: there are never fewer rows than the table has. "
     "Encrypted is what has recipients; the host that exports needs no secret key.\n"
     "With -o NAME.tar the archive goes into that file, and NAME.sha256 and NAME.json are written beside "
     "it. One that is encrypted is best named NAME.tar.age.",
     "36",
     {{"The nightly run, where larder.conf says the rest", "larder export daily"},
      {"Some tables into a file",
       "larder export -t 'public.*' -t '!public.logs' -d kitchai -o kitchai.tar"},
      {"Encrypted, to S3", "larder export daily -d kitchai --store s3://bucket/larder -r AGE1..."},
      {"And make room afterwards", "larder export daily --prune"}},
     "list verify restore prune"},
    {"list",
     "Shows what a store holds, from the public summaries alone: no database and no key are needed. Ages "
     "are those of the archive, and of its last verification and drill.\n"
     "An archive whose parts are missing or disagree, or that a check found damaged, is NOT GOOD, and a line "
     "below says why. One with \"look\" is good, but tables have lost many of their rows in it, or its last "
     "drill failed.",
     "",
     {{"Everything in a store", "larder list --store /var/backups/larder"},
      {"The names of one preset", "larder list daily --json | jq -r '.[].backup_name'"}},
     "status verify prune"},
    {"copy",
     "Copies an archive to another store and reads it back there. What does not arrive whole does not "
     "appear. With -r or -R an encrypted archive gets other recipients, without being decrypted to disk.",
     "45",
     {{"A second place", "larder copy daily_20261126_020000 rclone:box:larder"},
      {"For somebody else", "larder copy daily_20261126_020000 /mnt/usb -i KEY -r AGE1..."}},
     "export list"},
    {"prune",
     "Removes the archives whose time is over, by the preset's keep_days. The last good archives of a "
     "preset always stay (--keep-min), and so do those that are held, dated in the future, or locked by "
     "the store. Each archive is listed with the reason why it goes or stays.",
     "6",
     {{"What would go", "larder prune --dry-run"},
      {"One preset", "larder prune daily --store /var/backups/larder -d kitchai"}},
     "hold release list"},
    {"hold",
     "Keeps an archive from being removed by prune, whatever its age, until it is released.",
     "",
     {{"Before an audit", "larder hold production_20261126_090000"}},
     "release prune"},
    {"release",
     "Takes back a hold. The archive is not removed by that; the next prune looks at its age.",
     "",
     {{"The audit is over", "larder release production_20261126_090000"}},
     "hold prune"},
    {"verify",
     "Reads archives whole and checks every digest, every row count and every fingerprint; with --quick "
     "only size and SHA-256. With --against it compares them with a database, table by table. What was "
     "found is written down beside an archive in a store, where list and status see it; with --quick only "
     "damage is, and that there is none does not count as verified.",
     "3458",
     {{"An archive of the store, by name", "larder verify daily_20261126_020000"},
      {"Has the database changed since?", "larder verify daily_20261126_020000 --against kitchai"},
      {"All of them", "larder list --json | jq -r '.[].archive' | xargs larder verify --quick"}},
     "drill restore list"},
    {"restore",
     "Loads an archive into a database, and proves by counts and fingerprints that what came back is what "
     "left. Before anything is touched, all that stands in the way is listed; --preview stops there. A "
     "restore that fails takes back what it created.\n"
     "The target must be named with -d; it never comes from the configuration or PGDATABASE. Tables that "
     "exist stand in the way, unless --existing says what becomes of their rows; an undo archive is "
     "written before.",
     "345689",
     {{"Into an empty database", "larder restore daily_20261126_020000 -d fresh --create-roles"},
      {"One table, after a look at what it would do",
       "larder restore daily_20261126_020000 -d kitchai -t profiles --existing missing --preview"},
      {"Into a Supabase project",
       "larder restore ARCHIVE -d \"$URI\" --externals skip --no-owner"}},
     "verify drill cat"},
    {"drill",
     "Restores an archive, or the newest good one of a preset, into a database of its own, proves it "
     "there, runs the checks of drill.sql, and removes all of it again. With --embedded it starts a "
     "PostgreSQL that only the drill can reach. How long it took is what a real restore would take.",
     "345689",
     {{"Needs no server", "larder drill daily --embedded"},
      {"On a server, with checks", "larder drill daily -d 'host=spare' --checks checks.sql"}},
     "verify restore status"},
    {"status",
     "Shows of each preset how old its newest good archive is, against what is due, when it was last "
     "verified and drilled, how its size changes, and when the next one may be removed. It needs no "
     "database and no key.\n"
     "Something else than the host that exports should ask it, and heed its exit code: a message that "
     "does not come is not noticed.",
     "7",
     {{"Where do I stand?", "larder status"},
      {"For Prometheus' textfile collector", "larder status --prometheus -o larder.prom"}},
     "list doctor drill"},
    {"setup",
     "From nothing to a scheduled, drilled backup: asks for source, store and recipients, or takes them as "
     "options; checks each of them for real; writes larder.conf; installs the backups schema; makes the "
     "first archive and drills it; and says what to put where. What is answered wrongly is asked again, three "
     "times at most.\n"
     "It ends with the code of the first thing that did not work.",
     "58",
     {{"With questions", "larder setup"}, {"A schedule alone", "larder setup --schedule systemd"}},
     "doctor init status"},
    {"doctor",
     "Checks everything that a night's run relies on: configuration, source, rights on every table, "
     "pg_dump, store, room, clock, archives and keys. A line for each, with what to do. Nothing is "
     "changed, but a small object is written to the store and deleted again.",
     "5",
     {{"Everything", "larder doctor"},
      {"And that the keys open the archives", "larder doctor -i KEY"}},
     "setup status export"},
    {"cat",
     "Prints the rows of a table of an archive as CSV, with a head, to standard output. Tables in binary "
     "format need a server to turn them into text: one that is named, or --embedded.",
     "45",
     {{"Look at a table", "larder cat daily_20261126_020000 profiles --embedded | less -S"}},
     "restore list"},
    {"keygen",
     "Makes a key pair for encrypted archives: the secret identity goes into a new file that only its "
     "owner can read, the public recipient to standard output. Keep the identity off the host that "
     "exports, and a second one elsewhere.",
     "",
     {{"A key pair", "larder keygen -o larder.key"}},
     "export age"},
    {"age",
     "A plain filter from standard input to standard output, in the age v1 format: what it encrypts, age "
     "decrypts, and the other way round.",
     "45",
     {{"Encrypt", "larder age encrypt -r AGE1... < FILE > FILE.age"},
      {"Decrypt", "larder age decrypt -i KEY < FILE.age > FILE"}},
     "keygen"},
};

const struct manual_page *manual_page_of(const struct cli_command *command)
{
    static const struct manual_page none = {.description = "", .exits = "", .see = ""};

    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
        if (strcmp(pages[i].command, command->name) == 0)
            return &pages[i];
    return &none;
}
