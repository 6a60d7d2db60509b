#!/bin/sh
# Copies a home of the embedded default while its supervisor works: backup.sh HOME REPOSITORY
#
# For cron, as the home's user, every hour or every night.  It only reads the home.  The first time it
# copies all, later what is new.  Begin with a new REPOSITORY each week, or each month, and remove old
# ones: inside of one nothing is ever removed.  Going back to a copy: docs/backups.rst.
set -eu
home=$1
repository=$2

# What is copied is as secret as the database.
umask 077
mkdir -p "$repository"
# One at a time: the lock is gone with this process, however it ends.
exec 9> "$repository/lock"
flock --nonblock 9 || { echo "backup.sh: another backup to $repository runs" >&2; exit 1; }
# What it writes is named for the second: none of a backup that has just ended is written over.
while ls "$repository/$(date -u +%Y-%m-%d-%H-%M-%S)".* > /dev/null 2>&1; do sleep 0.1; done

# The database first, up to the last transaction that is whole: this is the moment that is kept.
# repozo comes with ZODB, and copies all again where the file was packed meanwhile.
"${REPOZO:-repozo}" --backup --repository "$repository" --file "$home/var/Data.fs"

# Blobs after it: a blob is there before its transaction is, so all that the copy refers to are copied,
# and some that are newer, which nobody will ask for.  Not those of transactions that are under way, in
# tmp; and one that was aborted may go while we look: that is exit code 1 of tar, others are errors.
# Its second and later archives have what is new since the one before.
if [ -d "$home/var/blobs" ]; then
    tar --create --file "$repository/$(date -u +%Y-%m-%d-%H-%M-%S).blobs.tar" \
        --listed-incremental "$repository/blobs.known" --no-check-device \
        --directory "$home/var" --exclude blobs/tmp --warning no-file-removed blobs || [ $? -eq 1 ]
fi

# Which worker this home is, and its configuration.
tar --create --file "$repository/etc.tar" --directory "$home" etc

# What repozo has written is what it has read.
"${REPOZO:-repozo}" --verify --repository "$repository"
