package compress

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// The alphabets of deflate (RFC 1951, 3.2.5 and 3.2.7).
const (
	literals    = 286 // bytes, the end of a block, and lengths
	distances   = 30
	endOfBlock  = 256
	firstLength = 257
	leastMatch  = 3
	longest     = 258
	window      = 32 << 10
	codeLengths = 19 // the alphabet of which code lengths are told
)

// A code is the bits of a symbol, the first to be sent in the lowest.
type code struct {
	bits uint16
	size uint8
}

// A bitWriter appends bits to bytes, the first in the lowest bit.
type bitWriter struct {
	out  []byte
	held uint64
	n    uint // of held, fewer than 8 between calls
}

// put appends at most 48 bits.
func (w *bitWriter) put(bits uint64, n uint) {
	w.held |= bits << w.n
	w.n += n
	w.out = binary.LittleEndian.AppendUint64(w.out, w.held)
	whole := w.n / 8
	w.out = w.out[:len(w.out)-8+int(whole)]
	w.held >>= whole * 8
	w.n -= whole * 8
}

func (w *bitWriter) code(c code) { w.put(uint64(c.bits), uint(c.size)) }

// align ends the stream's current byte with an empty stored block.
func (w *bitWriter) align() {
	w.put(0, 3)
	if w.n > 0 {
		w.put(0, 8-w.n)
	}
	w.put(0xffff<<16, 32)
}

// codesFor returns the codes of an alphabet whose symbols occur so often; those
// that do not occur have none. No code is longer than most bits.
func codesFor(counts []uint32, codes []code, most int) {
	clear(codes)
	var used []uint16
	for s, n := range counts {
		if n > 0 {
			used = append(used, uint16(s))
		}
	}
	if len(used) == 1 {
		codes[used[0]].size = 1
	}
	if len(used) > 1 {
		slices.SortFunc(used, func(a, b uint16) int {
			if counts[a] != counts[b] {
				return int(counts[a]) - int(counts[b])
			}
			return int(a) - int(b)
		})
		weights := make([]int, len(used))
		for i, s := range used {
			weights[i] = int(counts[s])
		}
		perSize := limitSizes(treeDepths(weights), most)
		next := len(used) // the most frequent have the shortest
		for size, n := range perSize {
			for range n {
				next--
				codes[used[next]].size = uint8(size)
			}
		}
	}
	number(codes)
}

// treeDepths returns how many leaves of the Huffman tree of these weights, in
// ascending order, lie how deep.
func treeDepths(weights []int) []int {
	n := len(weights)
	// Nodes are made in the order of their weight, so two queues do: leaves, and
	// nodes made before.
	sum, parent := make([]int, n-1), make([]int, 2*n-1)
	leaf, node := 0, 0
	for made := range n - 1 {
		for range 2 {
			child := 0
			if leaf < n && (node >= made || weights[leaf] <= sum[node]) {
				child = leaf
				sum[made] += weights[leaf]
				leaf++
			} else {
				child = n + node
				sum[made] += sum[node]
				node++
			}
			parent[child] = n + made
		}
	}
	depth := make([]int, 2*n-1)
	depths := make([]int, n)
	for i := 2*n - 3; i >= 0; i-- {
		depth[i] = depth[parent[i]] + 1
		if i < n {
			depths[depth[i]]++
		}
	}
	return depths
}

// limitSizes makes no code longer than most bits: those that were are, and for the
// room that they take shorter ones grow.
func limitSizes(depths []int, most int) []int {
	sizes := make([]int, most+1)
	room := 0 // taken, in units of the longest code
	for depth, n := range depths {
		sizes[min(depth, most)] += n
	}
	for size, n := range sizes {
		if size > 0 {
			room += n << (most - size)
		}
	}
	for room > 1<<most {
		sizes[most]--
		size := most - 1
		for sizes[size] == 0 {
			size--
		}
		sizes[size]--
		sizes[size+1] += 2
		room--
	}
	return sizes
}

// number gives codes of known size their bits, as RFC 1951 has it (3.2.2).
func number(codes []code) {
	var perSize, next [16]uint16
	for _, c := range codes {
		perSize[c.size]++
	}
	perSize[0] = 0
	for size := 1; size < len(next); size++ {
		next[size] = (next[size-1] + perSize[size-1]) << 1
	}
	for i := range codes {
		if c := &codes[i]; c.size > 0 {
			c.bits = bits.Reverse16(next[c.size]) >> (16 - c.size)
			next[c.size]++
		}
	}
}

// A run is a symbol of the alphabet in which code lengths are told, and its extra.
type run struct {
	symbol, extra, bits uint8
}

// codeOrder is the order in which the lengths of that alphabet's own codes come.
var codeOrder = [codeLengths]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// writeHead begins a block with codes of its own.
func (w *bitWriter) writeHead(lits, dists []code) {
	for len(lits) > firstLength && lits[len(lits)-1].size == 0 {
		lits = lits[:len(lits)-1]
	}
	for len(dists) > 1 && dists[len(dists)-1].size == 0 {
		dists = dists[:len(dists)-1]
	}
	var sizes []uint8
	for _, c := range slices.Concat(lits, dists) {
		sizes = append(sizes, c.size)
	}
	runs := runsOf(sizes)
	var counts [codeLengths]uint32
	for _, r := range runs {
		counts[r.symbol]++
	}
	var codes [codeLengths]code
	codesFor(counts[:], codes[:], 7)
	told := codeLengths
	for told > 4 && codes[codeOrder[told-1]].size == 0 {
		told--
	}
	w.put(2<<1, 3) // not the last block; its codes follow
	w.put(uint64(len(lits)-firstLength), 5)
	w.put(uint64(len(dists)-1), 5)
	w.put(uint64(told-4), 4)
	for _, s := range codeOrder[:told] {
		w.put(uint64(codes[s].size), 3)
	}
	for _, r := range runs {
		w.code(codes[r.symbol])
		w.put(uint64(r.extra), uint(r.bits))
	}
}

// runsOf tells code lengths in runs.
func runsOf(sizes []uint8) (runs []run) {
	for i := 0; i < len(sizes); {
		n := 1
		for i+n < len(sizes) && sizes[i+n] == sizes[i] {
			n++
		}
		i += n
		size := sizes[i-1]
		for size == 0 && n >= 3 {
			if n <= 10 {
				runs = append(runs, run{17, uint8(n - 3), 3})
				n = 0
			} else {
				k := min(n, 138)
				runs = append(runs, run{18, uint8(k - 11), 7})
				n -= k
			}
		}
		if n > 0 {
			runs = append(runs, run{size, 0, 0})
			n--
		}
		for ; n >= 3; n -= min(n, 6) {
			runs = append(runs, run{16, uint8(min(n, 6) - 3), 2})
		}
		for range n {
			runs = append(runs, run{size, 0, 0})
		}
	}
	return runs
}
