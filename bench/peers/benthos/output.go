package main

import (
	"context"
	"sync"
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"
	"github.com/twmb/franz-go/pkg/kgo"
)

func init() {
	spec := service.NewConfigSpec().
		Summary("Writes records under the event's key; returns when every replica has them.").
		Field(service.NewStringListField("seed_brokers")).
		Field(service.NewStringField("topic")).
		Field(service.NewDurationField("linger")).
		Field(service.NewOutputMaxInFlightField())
	service.MustRegisterBatchOutput("bench_kafka", spec,
		func(conf *service.ParsedConfig, _ *service.Resources) (service.BatchOutput, service.BatchPolicy, int, error) {
			made, inFlight, err := newOutput(conf)
			return made, service.BatchPolicy{}, inFlight, err
		})
}

// output is a producer with the client's own rules for a safe write: idempotent, acknowledged by all replicas.
type output struct {
	options []kgo.Opt
	client  *kgo.Client
}

func newOutput(conf *service.ParsedConfig) (*output, int, error) {
	brokers, err := conf.FieldStringList("seed_brokers")
	if err != nil {
		return nil, 0, err
	}
	topic, err := conf.FieldString("topic")
	if err != nil {
		return nil, 0, err
	}
	var linger time.Duration
	if linger, err = conf.FieldDuration("linger"); err != nil {
		return nil, 0, err
	}
	inFlight, err := conf.FieldMaxInFlight()
	if err != nil {
		return nil, 0, err
	}
	return &output{options: []kgo.Opt{
		kgo.SeedBrokers(brokers...),
		kgo.DefaultProduceTopic(topic),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ProducerLinger(linger),
	}}, inFlight, nil
}

func (out *output) Connect(context.Context) error {
	client, err := kgo.NewClient(out.options...)
	out.client = client
	return err
}

func (out *output) WriteBatch(ctx context.Context, batch service.MessageBatch) error {
	var (
		written sync.WaitGroup
		mutex   sync.Mutex
		failed  error
	)
	written.Add(len(batch))
	for _, message := range batch {
		value, err := message.AsBytes()
		if err != nil {
			return err
		}
		key, _ := message.MetaGet(metaKey)
		out.client.Produce(ctx, &kgo.Record{Key: []byte(key), Value: value}, func(_ *kgo.Record, err error) {
			if err != nil {
				mutex.Lock()
				failed = err
				mutex.Unlock()
			}
			written.Done()
		})
	}
	written.Wait()
	return failed
}

func (out *output) Close(context.Context) error {
	if out.client != nil {
		out.client.Close()
	}
	return nil
}
