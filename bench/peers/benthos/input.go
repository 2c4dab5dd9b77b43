package main

import (
	"context"
	"sync"
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Names of the metadata that a message carries through the pipeline.
const (
	metaTopic     = "kafka_topic"
	metaPartition = "kafka_partition"
	metaOffset    = "kafka_offset"
	metaKey       = "kafka_key"
	metaReceived  = "received_at"  // milliseconds since the epoch
	metaAttempted = "attempted_at" // likewise; set by the mapping
	metaNotice    = "notice_id"    // set by the mapping
)

const commitEvery = 250 * time.Millisecond

// A partition that is taken up again is in the next request for records, so the one under way may not wait the client's
// own five seconds for the partitions that have come to their end.
const fetchWait = 50 * time.Millisecond

func init() {
	spec := service.NewConfigSpec().
		Summary("Reads a topic. Each batch holds the events of one key; the batches of a round run in parallel.").
		Field(service.NewStringListField("seed_brokers")).
		Field(service.NewStringField("topic")).
		Field(service.NewStringField("group")).
		Field(service.NewIntField("round").Description("Events of one partition that are taken at a time."))
	service.MustRegisterBatchInput("bench_kafka", spec,
		func(conf *service.ParsedConfig, res *service.Resources) (service.BatchInput, error) {
			return newInput(conf, res)
		})
}

// input keeps order per key by rounds: from each partition it takes so many events, groups them by key, and takes the
// next ones only when all of these are acknowledged. A key stands in one partition, so two batches of one key are never
// under way together. Rounds of different partitions overlap.
//
// It is for a single member of its group: partitions that are taken away in mid-round are not handled.
type input struct {
	options []kgo.Opt
	round   int
	log     *service.Logger

	client  *kgo.Client
	ready   chan group
	stop    context.CancelFunc
	workers sync.WaitGroup
}

// group is the events of one key in one round, in their order.
type group struct {
	records  []*kgo.Record
	received int64
	done     *sync.WaitGroup
}

func newInput(conf *service.ParsedConfig, res *service.Resources) (*input, error) {
	brokers, err := conf.FieldStringList("seed_brokers")
	if err != nil {
		return nil, err
	}
	topic, err := conf.FieldString("topic")
	if err != nil {
		return nil, err
	}
	name, err := conf.FieldString("group")
	if err != nil {
		return nil, err
	}
	round, err := conf.FieldInt("round")
	if err != nil {
		return nil, err
	}
	return &input{
		options: []kgo.Opt{
			kgo.SeedBrokers(brokers...),
			kgo.ConsumeTopics(topic),
			kgo.ConsumerGroup(name),
			kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
			kgo.FetchMaxWait(fetchWait),
			kgo.AutoCommitMarks(),
			kgo.AutoCommitInterval(commitEvery),
		},
		round: round,
		log:   res.Logger(),
		ready: make(chan group),
	}, nil
}

func (in *input) Connect(context.Context) error {
	client, err := kgo.NewClient(in.options...)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	in.client, in.stop = client, stop
	in.workers.Add(1)
	go in.poll(ctx)
	return nil
}

func (in *input) ReadBatch(ctx context.Context) (service.MessageBatch, service.AckFunc, error) {
	select {
	case next := <-in.ready:
		return next.messages(), in.acknowledge(next), nil
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
}

// acknowledge counts a group as done, or hands it out again when it failed: the round waits for it.
func (in *input) acknowledge(one group) service.AckFunc {
	return func(_ context.Context, failed error) error {
		if failed == nil {
			one.done.Done()
			return nil
		}
		in.log.Errorf("again: %v", failed)
		go func() { in.ready <- one }()
		return nil
	}
}

func (in *input) Close(ctx context.Context) error {
	if in.client == nil {
		return nil
	}
	in.stop()
	in.workers.Wait()
	err := in.client.CommitMarkedOffsets(ctx)
	in.client.Close()
	return err
}

func (in *input) poll(ctx context.Context) {
	defer in.workers.Done()
	partitions := map[int32]*partition{}
	for ctx.Err() == nil {
		fetched := in.client.PollFetches(ctx)
		fetched.EachError(func(topic string, number int32, err error) {
			if ctx.Err() == nil {
				in.log.Errorf("%s/%d: %v", topic, number, err)
			}
		})
		now := time.Now().UnixMilli()
		fetched.EachPartition(func(of kgo.FetchTopicPartition) {
			if len(of.Records) == 0 {
				return
			}
			known, found := partitions[of.Partition]
			if !found {
				known = newPartition(in, of.Topic, of.Partition)
				partitions[of.Partition] = known
				in.workers.Add(1)
				go known.rounds(ctx)
			}
			known.add(of.Records, now)
		})
	}
}

func (one group) messages() service.MessageBatch {
	batch := make(service.MessageBatch, len(one.records))
	for i, record := range one.records {
		message := service.NewMessage(record.Value)
		message.MetaSetMut(metaTopic, record.Topic)
		message.MetaSetMut(metaPartition, int64(record.Partition))
		message.MetaSetMut(metaOffset, record.Offset)
		message.MetaSetMut(metaKey, string(record.Key))
		message.MetaSetMut(metaReceived, one.received)
		batch[i] = message
	}
	return batch
}
