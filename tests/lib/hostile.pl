#!/usr/bin/env perl
# hostile.pl - a server that behaves badly on purpose, for the tests of fetch-links. Plain HTTP on 127.0.0.1; a child for each
# connection. Prints its base URL when it is ready; ends when its stdin does. Each request becomes a line in the file that is
# its argument: METHOD TARGET [Authorization] [Range] [If-Range], with "-" for a header that is not there.
#
#	POST /cpaas/auth/v1/token            tokens: "good" ones, each with a number
#	GET  /f/SIZE/NAME?OPTIONS            a file of SIZE bytes, always the same ones
#
# Options of a file, joined by '&'; several sets of options are joined by ';': the first request gets the first set, and so
# on; all further requests get the last set:
#	etag=TEXT  none  weak  changing      the ETag is "TEXT", absent, W/"..", another one each time; default: "v1"
#	modified  modified=DAY               Last-Modified instead of an ETag, 22 Nov 2020 or another day of that month
#	second=N                             Date is N seconds after that; default: 1; N empty: there is none
#	total=N                              the size that a 206 or 416 says
#	more=BYTES                           so many bytes after the end (with chunked)
#	other                                other bytes than those without it
#	norange                              Range is ignored
#	anyrange                             If-Range is
#	cut=N,TIMES                          the first TIMES answers break off after N bytes
#	length=N                             Content-Length says N (and the connection ends after SIZE bytes)
#	chunked                              no Content-Length
#	coding=CODINGS                       the same with these transfer codings, and nothing but empty blocks of gzip, without an end
#	badrange  badetag  norangeheader     a 206 from another place, of another object, without Content-Range
#	drip=BYTES,MS                        BYTES at a time, a pause of MS between them; errors and redirects, too
#	hold=PATH                            half of it, the rest when PATH exists; PATH.reached is made when half of it is sent
#	fail=CODE,TIMES                      the first TIMES answers are CODE (with Retry-After: 0)
#	status=N                             the file comes with this status
#	whole206                             a 206 with the whole file, whatever was asked
#	encoding=CODING                      it has this Content-Encoding (its bytes do not)
#	need=TOKENS                          401 unless one of these is the bearer token (joined by ',')
#	error=BYTES                          a 404 with a body of so many bytes
#	headers=BYTES                        so many bytes of further headers, in lines of 1010
#	fill=BYTES                           one header more, with so many bytes in its value
#	to=URL                               a redirect there (code=N: which; default 302); to= alone: without Location
#	hops=N                               N redirects on this server, then the file
use strict;
use warnings;
use IO::Socket::INET;
use MIME::Base64 qw(encode_base64url);

my $log = shift or die "usage: hostile.pl LOG [DIR]\n";
my $state = "$log.state";
mkdir $state;
$SIG{CHLD} = 'IGNORE';
$SIG{PIPE} = 'IGNORE';
my $server = IO::Socket::INET->new(Listen => 64, LocalAddr => '127.0.0.1', LocalPort => 0, ReuseAddr => 1) or die "listen: $!";
my $base = 'http://127.0.0.1:' . $server->sockport;
my $parent = $$;

# A child that watches stdin; without it the server could not wait for both.
unless (fork // die) {
	close $server;
	1 while sysread STDIN, my $rest, 4096;
	kill 'TERM', $parent;
	exit;
}
$| = 1;
print "$base\n";

sub bytes { # of the one endless file; the other one is the same, a little further
	my ($from, $len, $other) = @_;
	$from += 4 if $other;
	my $unit = join '', map { sprintf "%07d\n", $_ } 0 .. 8191;
	my $text = $unit x (2 + int($len / length $unit));
	return substr $text, $from % length $unit, $len;
}

sub times_before { # how often this was asked before
	my ($key) = @_;
	$key =~ s/[^\w.-]/_/g;
	open my $f, '>>', "$state/$key" or die;
	my $n = -s $f;
	syswrite $f, 'x';
	return $n;
}

sub out { my ($c, $text) = @_; while (length $text) { my $n = syswrite $c, $text or exit; substr $text, 0, $n, '' } }

my ($step, $pause) = (1 << 20, 0); # of what is sent
sub drip {
	my ($c, $text) = @_;
	for (my $at = 0; $at < length $text; $at += $step) {
		out($c, substr $text, $at, $step);
		exit if getppid != $parent;
		select undef, undef, undef, $pause / 1000;
	}
}

sub answer {
	my ($c, $code, $body, @headers) = @_;
	my $head = join "\r\n", "HTTP/1.1 $code Whatever", 'Content-Length: ' . length $body, @headers, '', '';
	return out($c, $head . $body) unless $pause;
	out($c, $head);
	drip($c, $body);
}

sub token {
	my $n = times_before('tokens');
	my $life = 3600;
	my $part = encode_base64url(sprintf '{"preferred_username":"u-1","services-identity":"eve@hostile.example","iat":%d,"exp":%d}', time, time + $life);
	return "head.$part.good$n";
}

sub redirect {
	my ($c, $target, %o) = @_;
	if (defined $o{hops}) {
		return 0 if $o{hops} == 0;
		my $next = $o{hops} - 1;
		$target =~ s/hops=\d+/hops=$next/;
		answer($c, $o{code} // 302, 'elsewhere', "Location: $target");
		return 1;
	}
	return 0 unless exists $o{to};
	$o{to} =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
	answer($c, $o{code} // 302, 'elsewhere', length $o{to} ? "Location: $o{to}" : 'X: y');
	return 1;
}

sub file {
	my ($c, $target, $size, $h, %o) = @_;
	my ($from, $code, @headers) = (0, 200);
	my $key = $target;

	($step, $pause) = $o{drip} ? split(/,/, $o{drip}) : (1 << 20, 0);
	if ($o{need}) {
		my ($bearer) = ($h->{authorization} // '') =~ /\.(good\d+)$/;
		return answer($c, 401, '{}') unless $bearer && grep { $_ eq $bearer } split /,/, $o{need};
	}
	if ($o{fail}) {
		my ($status, $n) = split /,/, $o{fail};
		return answer($c, $status, 'no', 'Retry-After: 0', 'Content-Range: bytes */' . ($o{total} // '*')) if times_before("fail$key") < $n;
	}
	return answer($c, 404, 'x' x $o{error}) if $o{error};
	return if redirect($c, $target, %o);
	push @headers, "Content-Encoding: $o{encoding}" if $o{encoding};
	push @headers, 'X-Much: ' . 'y' x 1000 for 1 .. ($o{headers} // 0) / 1000;
	push @headers, 'X-Fill: ' . 'y' x $o{fill} if $o{fill};
	my $etag = exists $o{none} || exists $o{modified} ? undef : exists $o{weak} ? 'W/"v1"' :
		exists $o{changing} ? '"v' . times_before("etag$key") . '"' : '"' . ($o{etag} // 'v1') . '"';
	push @headers, "ETag: $etag" if $etag;
	my $date = sprintf '%s, %02d Nov 2020 10:00:00 GMT', qw(Sun Mon Tue Wed Thu Fri Sat)[(($o{modified} || 22) - 1) % 7], $o{modified} || 22;
	push @headers, "Last-Modified: $date" if exists $o{modified};
	my $second = $o{second} // 1;
	push @headers, 'Date: ' . $date =~ s/00 GMT/sprintf '%02d GMT', $second/er if length $second;
	my $total = $o{total} // $size;
	$code = $o{status} if $o{status};
	if (exists $o{whole206}) {
		$code = 206;
		push @headers, 'Content-Range: bytes 0-' . ($size - 1) . "/$size";
	} elsif (!exists $o{norange} && ($h->{range} // '') =~ /^bytes=(\d+)-$/) {
		my $condition = $h->{'if-range'};
		my $validator = $etag // $date;
		if (!defined $condition || $condition eq $validator || exists $o{anyrange}) {
			return answer($c, 416, '', "Content-Range: bytes */$total", @headers) if $1 >= $size;
			($from, $code) = ($1, 206);
			$from++ if exists $o{badrange};
			push @headers, "Content-Range: bytes $from-" . ($size - 1) . "/$total" unless exists $o{norangeheader};
			push @headers, 'ETag: "other"' if exists $o{badetag};
		}
	}
	if ($o{coding}) {
		out($c, join "\r\n", 'HTTP/1.1 200 OK', "Transfer-Encoding: $o{coding}", '', '');
		for (my $piece = pack 'H*', '1f8b0800000000000003'; getppid == $parent; $piece = pack('H*', '000000ffff') x 200) {
			out($c, sprintf("%x\r\n%s\r\n", length $piece, $piece));
			select undef, undef, undef, 0.05;
		}
		exit;
	}
	my $length = exists $o{length} ? $o{length} : $size - $from;
	my $end = $size + ($o{more} // 0);
	if ($o{cut}) {
		my ($at, $n) = split /,/, $o{cut};
		$end = $from + $at if times_before("cut$key") < $n && $from + $at < $size;
	}
	push @headers, exists $o{chunked} ? 'Transfer-Encoding: chunked' : "Content-Length: $length";
	out($c, join "\r\n", "HTTP/1.1 $code OK", @headers, 'Connection: close', '', '');
	my $held = $o{hold} ? $from + int(($size - $from) / 2) : -1;
	for (my $at = $from; $at < $end; ) {
		my $stop = $at < $held ? $held : $end;
		my $n = $stop - $at < $step ? $stop - $at : $step;
		my $piece = bytes($at, $n, exists $o{other});
		out($c, exists $o{chunked} ? sprintf("%x\r\n%s\r\n", $n, $piece) : $piece);
		$at += $n;
		exit if getppid != $parent;
		select undef, undef, undef, $pause / 1000 if $pause;
		if ($at == $held) {
			open my $reached, '>', "$o{hold}.reached" or die;
			select undef, undef, undef, 0.02 until -e $o{hold} || getppid != $parent;
		}
	}
	out($c, "0\r\n\r\n") if exists $o{chunked} && $end >= $size;
	close $c;
	exit;
}

sub serve {
	my ($c) = @_;
	while (defined(my $line = <$c>)) {
		my ($method, $target) = $line =~ /^(\S+) (\S+) HTTP/ or return;
		my %h;
		while (defined($line = <$c>) && $line =~ /^([^:]+):\s*(.*?)\r?\n/) { $h{lc $1} = $2 }
		read $c, my $body, $h{'content-length'} if $h{'content-length'};
		open my $f, '>>', $log or die;
		syswrite $f, join(' ', $method, $target, map { $h{$_} // '-' } qw(authorization range if-range)) . "\n";
		if ($target eq '/cpaas/auth/v1/token') {
			my $token = token();
			answer($c, 200, qq({"access_token":"$token","id_token":"$token","refresh_token":"refresh-me","expires_in":3600}),
				'Content-Type: application/json');
		} elsif (my ($size, $query) = $target =~ m{^/f/(\d+)/[^?]*(?:\?(.*))?}) {
			my @lots = split /;/, $query // '';
			if (@lots > 1) {
				my $n = times_before("lot$target");
				$query = $lots[$n < @lots ? $n : -1];
			}
			file($c, $target, $size, \%h, map { my ($k, $v) = split /=/, $_, 2; $k => $v // '' } split /&/, $query // '');
		} else {
			answer($c, 404, '{}', 'Content-Type: application/json');
		}
	}
}

while (1) {
	my $c = $server->accept or next;
	my $pid = fork // die;
	unless ($pid) { close $server; $SIG{CHLD} = 'DEFAULT'; serve($c); exit }
	close $c;
}
