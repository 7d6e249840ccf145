#!/usr/bin/perl
# run.pl [--check] BUILD [WORD ...]: plant the faults of tests/mutants/*.list, one at a time, and see
# whether a test notices.  With WORDs: only faults whose file or description has one of them.
# --check: only whether every fault still fits: there are its file, its text and its test.
#
# A list has one fault a paragraph:
#
#     fault: a description
#     file: sim/flow/flow.c
#     old: text that is in the file once; any white space matches any other
#     new: the text that replaces it
#     test: sim/test_flow        the quickest test that should notice: a program (sim/test_flow), a
#                                script (cli/runs.sh), or claims (verify DDN-4 FD-1)
#     equivalent: reason         instead of `test`, where no test can notice
#
# Sources and build are copies in BUILD/mutants; the checkout is never touched.  First every test
# must pass without a fault.  A fault is caught where its test fails, crashes, or runs ten times as
# long as it should.  Ends with 1 where a fault is not caught, does not fit, or does not compile.
use strict;
use warnings;
use Cwd qw(abs_path);
use Fcntl qw(:flock SEEK_SET);
use POSIX qw(setpgid);

use constant { WORKERS => 2, LEAST_SECONDS => 30 };
# compiles faster than it tests slower; products and sums are contracted as in a usual build
my $flags = "-O1 -fexpensive-optimizations";

# ---- the lists ----

sub slurp {
    my ($path) = @_;
    open my $in, '<', $path or die "$path: $!\n";
    local $/;
    return scalar <$in>;
}

sub write_file {
    my ($path, $text) = @_;
    open my $out, '>', $path or die "$path: $!\n";
    print $out $text;
    close $out or die "$path: $!\n";
}

sub read_list {
    my ($path) = @_;
    my $text = slurp($path);
    $text =~ s/^#.*\n//mg;
    my @faults;
    for my $paragraph (split /\n\s*\n/, $text) {
        my %f = map { /^(\w+): ?(.*)$/ ? ($1 => $2) : die "$path: '$_' is no 'key: text'\n" }
            grep { /\S/ } split /\n/, $paragraph;
        next unless %f;
        for my $key (qw(fault file old new)) {
            die "$path: a fault has no '$key': " . join(' | ', values %f) . "\n"
                unless defined $f{$key};
        }
        die "$path: '$f{fault}' needs either a test or the reason why it is equivalent\n"
            unless defined $f{test} xor defined $f{equivalent};
        push @faults, \%f;
    }
    return @faults;
}

# The file with the fault, or undef where it does not fit exactly once.
sub planted {
    my ($f, $source) = @_;
    my $pattern = join '\s+', map { quotemeta } split ' ', $f->{old};
    my @found = $source =~ /$pattern/g;
    return undef unless @found == 1;
    my $new = $f->{new};
    $source =~ s/$pattern/$new/;
    return $source;
}

# Whether there are the file, the text, and the test.
sub fits {
    my ($f) = @_;
    my $test = $f->{test} // 'verify';
    my $there = $test =~ /^verify/ || -f "tests/$test" || -f "tests/$test.c";
    return $there && -f $f->{file} && defined planted($f, slurp($f->{file}));
}

sub title {
    my ($f) = @_;
    return "$f->{file}: $f->{fault}";
}

# Seconds since some moment.
sub now {
    return (POSIX::times())[0] / POSIX::sysconf(&POSIX::_SC_CLK_TCK);
}

# ---- trees ----

sub run_quietly {
    my ($log, @command) = @_;
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        open STDOUT, '>', $log or die "$log: $!\n";
        open STDERR, '>&', \*STDOUT;
        exec @command or exit 127;
    }
    waitpid $pid, 0;
    return $? == 0;
}

sub files_below {
    my ($root, $build) = @_;
    my @skipped = map { "-path '$root/$_' -prune -o" } $build, 'build', '.git', 'results',
        'paper_figs/out';
    return map { substr $_, length($root) + 1 } split /\n/,
        `find '$root' @skipped '(' -type f -o -type l ')' -print`;
}

# Make the tree hold what the checkout holds.  A file that differs is written anew, so that make sees
# it; this also repairs a tree whose run was interrupted.
sub refresh {
    my ($tree, $build) = @_;
    my %wanted = map { $_ => 1 } files_below('.', $build);
    for my $file (sort keys %wanted) {
        next if -f "$tree/$file" && slurp($file) eq slurp("$tree/$file");
        my ($folder) = "$tree/$file" =~ m{(.*)/};
        system('mkdir', '-p', $folder) == 0 && system('cp', $file, "$tree/$file") == 0
            or die "cannot copy $file to $tree\n";
    }
    unlink map { "$tree/$_" } grep { !$wanted{$_} } files_below($tree, 'build');
}

sub target {
    my ($test) = @_;
    return $test =~ m{^verify |\.sh$} ? 'build/duet' : "build/tests/$test";
}

sub command {
    my ($test) = @_;
    return "exec build/duet verify --quick -q $1" if $test =~ /^verify (.*)/;
    return "DUET=build/duet exec sh tests/$test" if $test =~ /\.sh$/;
    return "exec build/tests/$test";
}

sub compile {
    my ($tree, $threads, @targets) = @_;
    return run_quietly("$tree/build.log", 'make', '-s', '-C', $tree, "-j$threads", 'BUILD=build',
        'COMMIT=mutant', "CFLAGS=$flags", @targets);
}

# ---- one test ----

# Run a test until it fails, ends, or time is up; returns how it went and the seconds.
sub try_test {
    my ($tree, $test, $limit) = @_;
    my $start = now();
    pipe my $out, my $in or die "pipe: $!\n";
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        setpgid(0, 0);
        chdir $tree or exit 127;
        open STDOUT, '>&', $in;
        open STDERR, '>&', $in;
        open STDIN, '<', '/dev/null';
        exec 'sh', '-c', 'ulimit -v 8000000; ulimit -c 0; ' . command($test) or exit 127;
    }
    close $in;
    setpgid($pid, $pid);
    local $SIG{INT} = local $SIG{TERM} = sub { kill 'KILL', -$pid; exit 130 };
    my ($how, $text) = ('', '');
    while (!$how) {
        my $ready = '';
        vec($ready, fileno($out), 1) = 1;
        my $left = $start + $limit - now();
        if ($left <= 0) {
            $how = 'hangs';
        } elsif (select($ready, undef, undef, $left) > 0) {
            sysread($out, $text, 65536, length $text) or last;
            $how = 'fails' if $text =~ /^(\[  FAILED  \] |FAIL )/m;
        }
    }
    kill 'KILL', -$pid if $how;
    waitpid $pid, 0;
    $how ||= $? & 127 ? 'crashes' : $? ? 'fails' : 'passes';
    write_file("$tree/test.log", $text);
    return ($how, now() - $start);
}

# ---- workers ----

# The next job's number, the same counter for all workers.
sub take_number {
    my ($path) = @_;
    open my $file, '+<', $path or die "$path: $!\n";
    flock $file, LOCK_EX;
    my $number = <$file> + 0;
    seek $file, 0, SEEK_SET;
    print $file $number + 1, "\n";
    close $file;
    return $number;
}

# `work`($tree, $job) returns a line for every job; all lines.
sub work_on {
    my ($home, $work, @jobs) = @_;
    write_file("$home/next", "0\n");
    my @pids;
    for my $worker (1 .. WORKERS) {
        my $pid = fork // die "fork: $!\n";
        push @pids, $pid;
        next if $pid;
        open my $lines, '>', "$home/lines.$worker" or die "$home: $!\n";
        while ((my $number = take_number("$home/next")) < @jobs) {
            my ($said, $kept) = $work->("$home/tree.$worker", $jobs[$number]);
            syswrite STDOUT, "$said\n" if defined $said;
            print $lines "$kept\n";
        }
        close $lines;
        exit 0;
    }
    for my $pid (@pids) {
        waitpid $pid, 0;
        die "a worker died\n" if $?;
    }
    return map { split /\n/, slurp("$home/lines.$_") } 1 .. WORKERS;
}

sub without_fault {
    my ($tree, $test) = @_;
    my ($how, $seconds) = try_test($tree, $test, 600);
    my $said = $how eq 'passes' ? undef : "$test $how without a fault; see $tree/test.log";
    return ($said, "$test\t$how\t$seconds");
}

sub with_fault {
    my ($tree, $f, $limit) = @_;
    my $path = "$tree/$f->{file}";
    my $source = slurp($path);
    my $text = planted($f, $source);
    return ("DOES NOT FIT  " . title($f), "bad") unless defined $text;
    write_file($path, $text);
    my ($how, $seconds) = ('does not compile', 0);
    ($how, $seconds) = try_test($tree, $f->{test}, $limit) if compile($tree, 1, target($f->{test}));
    write_file($path, $source);
    my %word = (passes => 'NOT CAUGHT', 'does not compile' => 'NOT COMPILED');
    my $word = $word{$how} // 'caught';
    my $line = sprintf '%-12s  %s  [%s %s, %.1f s]', $word, title($f), $f->{test}, $how, $seconds;
    return ($line, $word eq 'caught' ? 'caught' : $how eq 'passes' ? 'lives' : 'bad');
}

# ---- the run ----

# The trees, with everything built that the tests need.
sub make_trees {
    my ($home, $build, @tests) = @_;
    my %targets = map { target($_) => 1 } @tests;
    for my $worker (1 .. WORKERS) {
        my $tree = "$home/tree.$worker";
        # a copy with the times of its files, so that nothing is compiled twice
        system('cp', '-a', "$home/tree.1", $tree) if $worker > 1 && !-d $tree;
        refresh($tree, $build);
        compile($tree, WORKERS, sort keys %targets)
            or die "no build without a fault: $tree/build.log\n";
    }
}

# Seconds of each test that passes without a fault.
sub time_tests {
    my ($home, @tests) = @_;
    my %seconds;
    for (work_on($home, \&without_fault, @tests)) {
        my ($test, $how, $seconds) = split /\t/;
        $seconds{$test} = $seconds if $how eq 'passes';
    }
    return %seconds;
}

sub limit {
    my ($seconds) = @_;
    return 10 * $seconds > LEAST_SECONDS ? 10 * $seconds : LEAST_SECONDS;
}

# Plant all; returns how many were caught, live, and could not be judged.
sub plant {
    my ($build, @live) = @_;
    my $home = "$build/mutants";
    system('mkdir', '-p', "$home/tree.1") == 0 or die "$home: no folder\n";
    $home = abs_path($home);
    my %tests = map { $_->{test} => 1 } @live;
    make_trees($home, $build, keys %tests);
    my %seconds = time_tests($home, sort keys %tests);
    my @unjudged = grep { !defined $seconds{ $_->{test} } } @live;
    @live = grep { defined $seconds{ $_->{test} } } @live;
    print "NOT JUDGED    ", title($_), " [$_->{test}]\n" for @unjudged;
    my %score = (caught => 0, lives => 0, bad => scalar @unjudged);
    $score{$_}++ for work_on($home, sub { with_fault(@_, limit($seconds{ $_[1]{test} })) }, @live);
    return %score;
}

my $check = @ARGV && $ARGV[0] eq '--check' ? shift @ARGV : '';
my $build = shift @ARGV // 'build';
my @words = @ARGV;
my @faults = map { read_list($_) } sort glob 'tests/mutants/*.list';
@faults = grep { my $t = title($_); grep { index($t, $_) >= 0 } @words } @faults if @words;
die "no fault is described by: @words\n" unless @faults;
my @misfits = grep { !fits($_) } @faults;
print "DOES NOT FIT  ", title($_), "\n" for @misfits;
if ($check) {
    printf "%d planted faults, %d do not fit\n", scalar @faults, scalar @misfits;
    exit(@misfits ? 1 : 0);
}
my $start = now();
my @equivalent = grep { defined $_->{equivalent} } @faults;
my %score = plant($build, grep { defined $_->{test} && fits($_) } @faults);
print 'equivalent    ', title($_), " [$_->{equivalent}]\n" for @equivalent;
printf "%d of %d faults caught, %d not caught, %d unusable, %d equivalent, %.0f s\n",
    $score{caught}, @faults - @equivalent, $score{lives}, $score{bad} + @misfits,
    scalar @equivalent, now() - $start;
exit($score{lives} || $score{bad} || @misfits ? 1 : 0);
