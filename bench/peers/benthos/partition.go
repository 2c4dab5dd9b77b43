package main

import (
	"context"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// A partition with so many rounds waiting is not fetched from until half of them are gone.
const mostWaiting = 8

// partition is what has been fetched of one partition and is not yet handed out.
type partition struct {
	in   *input
	name map[string][]int32
	more chan struct{}

	mutex    sync.Mutex
	waiting  []*kgo.Record
	received int64 // of the last ones fetched
	paused   bool
}

func newPartition(in *input, topic string, number int32) *partition {
	return &partition{in: in, name: map[string][]int32{topic: {number}}, more: make(chan struct{}, 1)}
}

func (p *partition) add(records []*kgo.Record, now int64) {
	p.mutex.Lock()
	p.waiting = append(p.waiting, records...)
	p.received = now
	if !p.paused && len(p.waiting) > mostWaiting*p.in.round {
		p.paused = true
		p.in.client.PauseFetchPartitions(p.name)
	}
	p.mutex.Unlock()
	select {
	case p.more <- struct{}{}:
	default:
	}
}

func (p *partition) take() ([]*kgo.Record, int64) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	taken := p.waiting[:min(p.in.round, len(p.waiting))]
	p.waiting = p.waiting[len(taken):]
	if p.paused && len(p.waiting) < mostWaiting*p.in.round/2 {
		p.paused = false
		p.in.client.ResumeFetchPartitions(p.name)
	}
	return taken, p.received
}

// rounds hands out one round after the other, each when the one before it is done.
func (p *partition) rounds(ctx context.Context) {
	defer p.in.workers.Done()
	for {
		records, received := p.take()
		if len(records) == 0 {
			select {
			case <-p.more:
				continue
			case <-ctx.Done():
				return
			}
		}
		if !p.hand(ctx, records, received) {
			return
		}
		p.in.client.MarkCommitRecords(records[len(records)-1])
	}
}

// hand hands out a round and waits until all of it is acknowledged; false if it is stopped before that.
func (p *partition) hand(ctx context.Context, records []*kgo.Record, received int64) bool {
	groups := byKey(records)
	var done sync.WaitGroup
	done.Add(len(groups))
	for _, members := range groups {
		select {
		case p.in.ready <- group{records: members, received: received, done: &done}:
		case <-ctx.Done():
			return false
		}
	}
	all := make(chan struct{})
	go func() {
		done.Wait()
		close(all)
	}()
	select {
	case <-all:
		return true
	case <-ctx.Done():
		return false
	}
}

// byKey groups records, the largest group first: it takes the longest, one event after the other.
func byKey(records []*kgo.Record) [][]*kgo.Record {
	places := make(map[string]int, len(records))
	groups := make([][]*kgo.Record, 0, len(records))
	for _, record := range records {
		place, found := places[string(record.Key)]
		if !found {
			place = len(groups)
			places[string(record.Key)] = place
			groups = append(groups, nil)
		}
		groups[place] = append(groups[place], record)
	}
	slices.SortStableFunc(groups, func(one, other []*kgo.Record) int { return len(other) - len(one) })
	return groups
}
