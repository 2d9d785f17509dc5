"""PyTorch's part of the mini-batch benchmark: RMSProp, one step a mini-batch, float32."""

import sys

import epoch
import torch


def main(file, threads=1):
    torch.set_num_threads(threads)
    a, b, orders = epoch.load(file)
    a, b = torch.from_numpy(a), torch.from_numpy(b)
    x = torch.zeros(a.shape[1], requires_grad=True)
    rule = torch.optim.RMSprop([x], lr=epoch.RATE, alpha=epoch.RHO, eps=epoch.EPS)

    def one(order):
        total, order = 0.0, torch.from_numpy(order)
        for rows in order.split(epoch.BATCH):
            rule.zero_grad()
            loss = torch.nn.functional.softplus(-b[rows] * (a[rows] @ x)).mean()
            loss.backward()
            rule.step()
            total += loss.detach() * len(rows)
        return total / len(order)

    epoch.report("torch", torch.__version__, one, orders)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
